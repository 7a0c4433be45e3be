package main

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/portsbinding"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/portsecurity"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/provider"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/subnets"
)

var yes, no = true, false

// An external network, a tenant's network, a router between them, and an instance's port bound to net2.
type topology struct {
	client        *gophercloud.ServiceClient
	outside       *networks.Network
	inside        *networks.Network
	outsideSubnet *subnets.Subnet
	insideSubnet  *subnets.Subnet
	router        *routers.Router
	instance      *ports.Port
	interfacePort string
}

func networkState(client *gophercloud.ServiceClient, id string) stateOf {
	return func() (string, error) {
		found, err := networks.Get(client, id).Extract()
		if err != nil {
			return "", err
		}
		return found.Status, nil
	}
}

func portState(client *gophercloud.ServiceClient, id string) stateOf {
	return func() (string, error) {
		found, err := ports.Get(client, id).Extract()
		if err != nil {
			return "", err
		}
		return found.Status, nil
	}
}

func routerState(client *gophercloud.ServiceClient, id string) stateOf {
	return func() (string, error) {
		found, err := routers.Get(client, id).Extract()
		if err != nil {
			return "", err
		}
		return found.Status, nil
	}
}

func floatingIPState(client *gophercloud.ServiceClient, id string) stateOf {
	return func() (string, error) {
		found, err := floatingips.Get(client, id).Extract()
		if err != nil {
			return "", err
		}
		return found.Status, nil
	}
}

func newSubnet(client *gophercloud.ServiceClient, network, cidr string, dhcp *bool) *subnets.Subnet {
	made, err := subnets.Create(client, subnets.CreateOpts{
		NetworkID: network, CIDR: cidr, IPVersion: gophercloud.IPv4, EnableDHCP: dhcp, Name: "go " + cidr,
	}).Extract()
	must(err)
	return made
}

func build(client *gophercloud.ServiceClient) *topology {
	built := &topology{client: client}
	var err error

	built.outside, err = networks.Create(client, external.CreateOptsExt{
		CreateOptsBuilder: provider.CreateOptsExt{
			CreateOptsBuilder: networks.CreateOpts{Name: "go-outside", AdminStateUp: &yes},
			Segments:          []provider.Segment{{NetworkType: "flat", PhysicalNetwork: "physnet1"}},
		},
		External: &yes,
	}).Extract()
	must(err)
	waitFor("the external network", networkState(client, built.outside.ID), "ACTIVE", "DOWN")
	var attributes struct {
		networks.Network
		external.NetworkExternalExt
		provider.NetworkProviderExt
	}
	must(networks.Get(client, built.outside.ID).ExtractInto(&attributes))
	same("router:external", attributes.External, true)
	same("the physical network", attributes.PhysicalNetwork, "physnet1")
	built.outsideSubnet = newSubnet(client, built.outside.ID, "10.200.0.0/24", &no)

	built.inside, err = networks.Create(client, networks.CreateOpts{Name: "go-inside"}).Extract()
	must(err)
	waitFor("the tenant's network", networkState(client, built.inside.ID), "ACTIVE", "DOWN")
	built.insideSubnet = newSubnet(client, built.inside.ID, "10.0.0.0/24", &yes)
	same("the gateway", built.insideSubnet.GatewayIP, "10.0.0.1")

	built.router, err = routers.Create(client, routers.CreateOpts{
		Name: "go-router", AdminStateUp: &yes, GatewayInfo: &routers.GatewayInfo{NetworkID: built.outside.ID, EnableSNAT: &yes},
	}).Extract()
	must(err)
	waitFor("the router", routerState(client, built.router.ID), "ACTIVE")
	same("outside addresses", len(built.router.GatewayInfo.ExternalFixedIPs), 1)

	added, err := routers.AddInterface(client, built.router.ID, routers.AddInterfaceOpts{SubnetID: built.insideSubnet.ID}).Extract()
	must(err)
	waitFor("the router's interface", portState(client, added.PortID), "ACTIVE", "DOWN")
	built.interfacePort = added.PortID

	none := []string{}
	built.instance, err = ports.Create(client, portsbinding.CreateOptsExt{
		CreateOptsBuilder: portsecurity.PortCreateOptsExt{
			CreateOptsBuilder: ports.CreateOpts{
				NetworkID: built.inside.ID, Name: "go-instance", SecurityGroups: &none, DeviceOwner: "compute:nova", DeviceID: "i-1",
				FixedIPs: []ports.IP{{SubnetID: built.insideSubnet.ID, IPAddress: "10.0.0.11"}},
			},
			PortSecurityEnabled: &no,
		},
		HostID: "net2",
	}).Extract()
	must(err)
	waitFor("the instance's port", portState(client, built.instance.ID), "ACTIVE", "DOWN")
	var binding struct {
		ports.Port
		portsbinding.PortsBindingExt
		portsecurity.PortSecurityExt
	}
	must(ports.Get(client, built.instance.ID).ExtractInto(&binding))
	same("the host", binding.HostID, "net2")
	same("the VIF type", binding.VIFType, "ovs")
	same("port security", binding.PortSecurityEnabled, false)
	return built
}

func (built *topology) remove() {
	client := built.client
	waitUntilGone("the port", func() error { return ports.Delete(client, built.instance.ID).ExtractErr() }, portState(client, built.instance.ID))
	waitUntilGone("the router's interface", func() error {
		_, err := routers.RemoveInterface(client, built.router.ID, routers.RemoveInterfaceOpts{SubnetID: built.insideSubnet.ID}).Extract()
		return err
	}, portState(client, built.interfacePort))
	waitUntilGone("the router", func() error { return routers.Delete(client, built.router.ID).ExtractErr() }, routerState(client, built.router.ID))
	for _, subnet := range []*subnets.Subnet{built.insideSubnet, built.outsideSubnet} {
		must(subnets.Delete(client, subnet.ID).ExtractErr())
	}
	for _, network := range []*networks.Network{built.inside, built.outside} {
		id := network.ID
		waitUntilGone(network.Name, func() error { return networks.Delete(client, id).ExtractErr() }, networkState(client, id))
	}
}

func scenarioA(client *gophercloud.ServiceClient) {
	built := build(client)

	floating, err := floatingips.Create(client, floatingips.CreateOpts{FloatingNetworkID: built.outside.ID}).Extract()
	must(err)
	same("the status of a free floating IP", floating.Status, "DOWN")
	floating, err = floatingips.Update(client, floating.ID, floatingips.UpdateOpts{PortID: &built.instance.ID}).Extract()
	must(err)
	waitFor("the floating IP", floatingIPState(client, floating.ID), "ACTIVE", "DOWN")
	same("the fixed address", floating.FixedIP, "10.0.0.11")
	same("the router", floating.RouterID, built.router.ID)

	all, err := floatingips.List(client, floatingips.ListOpts{PortID: built.instance.ID}).AllPages()
	must(err)
	found, err := floatingips.ExtractFloatingIPs(all)
	must(err)
	same("floating IPs of the port", len(found), 1)
	same("its address", found[0].FloatingIP, floating.FloatingIP)
	if found[0].CreatedAt.IsZero() {
		panic(failure{"the floating IP has no time of creation"})
	}

	err = routers.Delete(client, built.router.ID).ExtractErr()
	if _, inUse := err.(gophercloud.ErrDefault409); !inUse {
		panic(failure{"deleting a router with an interface: " + errorText(err)})
	}

	nobody := ""
	floating, err = floatingips.Update(client, floating.ID, floatingips.UpdateOpts{PortID: &nobody}).Extract()
	must(err)
	same("the port of a freed floating IP", floating.PortID, "")
	id := floating.ID
	waitUntilGone("the floating IP", func() error { return floatingips.Delete(client, id).ExtractErr() }, floatingIPState(client, id))
	built.remove()
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
