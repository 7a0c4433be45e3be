package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud"
	common "github.com/gophercloud/gophercloud/openstack/common/extensions"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/apiversions"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/portforwarding"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/networkipavailabilities"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/rbacpolicies"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/pagination"
)

const absent = "00000000-0000-4000-8000-000000000000"

func discovery(client *gophercloud.ServiceClient) {
	page, err := apiversions.ListVersions(client).AllPages()
	must(err)
	versions, err := apiversions.ExtractAPIVersions(page)
	must(err)
	same("the version", versions[0].ID, "v2.0")
	same("its status", versions[0].Status, "CURRENT")
	page, err = apiversions.ListVersionResources(client, "v2.0").AllPages()
	must(err)
	resources, err := apiversions.ExtractVersionResources(page)
	must(err)
	if len(resources) < 5 {
		panic(failure{fmt.Sprintf("only %d resources", len(resources))})
	}

	page, err = common.List(client).AllPages()
	must(err)
	list, err := common.ExtractExtensions(page)
	must(err)
	aliases := map[string]bool{}
	for _, each := range list {
		aliases[each.Alias] = true
	}
	for _, alias := range []string{"router", "external-net", "provider", "binding", "agent"} {
		if !aliases[alias] {
			panic(failure{"no extension " + alias})
		}
	}
	one, err := common.Get(client, "router").Extract()
	must(err)
	same("the extension's name", one.Name, "Neutron L3 Router")
}

func agentsAndTimes(client *gophercloud.ServiceClient) {
	page, err := agents.List(client, agents.ListOpts{AgentType: "L3 agent"}).AllPages()
	must(err)
	list, err := agents.ExtractAgents(page)
	must(err)
	same("L3 agents", len(list), 2)
	for _, each := range list {
		same("alive", each.Alive, true)
		if age := time.Since(each.HeartbeatTimestamp); age < -5*time.Second || age > time.Hour {
			panic(failure{fmt.Sprintf("the last heartbeat of %s is %v", each.Host, each.HeartbeatTimestamp)})
		}
		if each.CreatedAt.IsZero() || each.StartedAt.IsZero() {
			panic(failure{"an agent without times"})
		}
	}
	changed, err := agents.Update(client, list[0].ID, agents.UpdateOpts{AdminStateUp: &no}).Extract()
	must(err)
	same("admin_state_up", changed.AdminStateUp, false)
	_, err = agents.Update(client, list[0].ID, agents.UpdateOpts{AdminStateUp: &yes}).Extract()
	must(err)
	one, err := agents.Get(client, list[0].ID).Extract()
	must(err)
	same("admin_state_up", one.AdminStateUp, true)
}

func pages(client *gophercloud.ServiceClient) {
	var made []string
	for n := 0; n < 5; n++ {
		network, err := networks.Create(client, networks.CreateOpts{Name: fmt.Sprintf("go-page-%d", n)}).Extract()
		must(err)
		made = append(made, network.ID)
	}
	var names []string
	count := 0
	err := networks.List(client, networks.ListOpts{Limit: 2, SortKey: "name", SortDir: "desc"}).EachPage(
		func(page pagination.Page) (bool, error) {
			list, err := networks.ExtractNetworks(page)
			count++
			for _, each := range list {
				if strings.HasPrefix(each.Name, "go-page-") {
					names = append(names, each.Name)
				}
			}
			return true, err
		})
	must(err)
	same("names", names, []string{"go-page-4", "go-page-3", "go-page-2", "go-page-1", "go-page-0"})
	if count < 3 {
		panic(failure{fmt.Sprintf("%d pages", count)})
	}
	for _, id := range made {
		must(networks.Delete(client, id).ExtractErr())
	}
}

func errorsByType(client *gophercloud.ServiceClient) {
	_, err := networks.Get(client, absent).Extract()
	missing, is404 := err.(gophercloud.ErrDefault404)
	if !is404 {
		panic(failure{"an absent network: " + errorText(err)})
	}
	if !strings.Contains(string(missing.Body), `"type":"NetworkNotFound"`) && !strings.Contains(string(missing.Body), `"type": "NetworkNotFound"`) {
		panic(failure{"the body of a 404: " + string(missing.Body)})
	}
	network, err := networks.Create(client, networks.CreateOpts{Name: "go-errors"}).Extract()
	must(err)
	newSubnet(client, network.ID, "10.3.0.0/24", &yes)
	_, err = subnets.Create(client, subnets.CreateOpts{NetworkID: network.ID, CIDR: "10.3.0.0/25", IPVersion: gophercloud.IPv4}).Extract()
	if _, is400 := err.(gophercloud.ErrDefault400); !is400 {
		panic(failure{"an overlapping subnet: " + errorText(err)})
	}
	port, err := ports.Create(client, ports.CreateOpts{NetworkID: network.ID}).Extract()
	must(err)
	err = networks.Delete(client, network.ID).ExtractErr()
	if _, is409 := err.(gophercloud.ErrDefault409); !is409 {
		panic(failure{"a network in use: " + errorText(err)})
	}
	must(ports.Delete(client, port.ID).ExtractErr())
	must(networks.Delete(client, network.ID).ExtractErr())
}

func securityGroups(client *gophercloud.ServiceClient) {
	group, err := groups.Create(client, groups.CreateOpts{Name: "go-group", Description: "of Go"}).Extract()
	must(err)
	same("rules of a new group", len(group.Rules), 2)
	// Terraform's delete_default_rules.
	for _, rule := range group.Rules {
		must(rules.Delete(client, rule.ID).ExtractErr())
	}
	options := rules.CreateOpts{
		SecGroupID: group.ID, Direction: rules.DirIngress, EtherType: rules.EtherType4, Protocol: rules.ProtocolTCP,
		PortRangeMin: 22, PortRangeMax: 22, RemoteIPPrefix: "192.0.2.0/24",
	}
	rule, err := rules.Create(client, options).Extract()
	must(err)
	_, err = rules.Create(client, options).Extract()
	if _, is409 := err.(gophercloud.ErrDefault409); !is409 {
		panic(failure{"the same rule again: " + errorText(err)})
	}
	page, err := rules.List(client, rules.ListOpts{SecGroupID: group.ID}).AllPages()
	must(err)
	list, err := rules.ExtractRules(page)
	must(err)
	same("its rules", len(list), 1)
	same("the port", list[0].PortRangeMax, 22)
	must(rules.Delete(client, rule.ID).ExtractErr())
	id := group.ID
	waitUntilGone("the group", func() error { return groups.Delete(client, id).ExtractErr() }, func() (string, error) {
		_, err := groups.Get(client, id).Extract()
		return "", err
	})
}

func portForwardings(client *gophercloud.ServiceClient) {
	built := build(client)
	floating, err := floatingips.Create(client, floatingips.CreateOpts{FloatingNetworkID: built.outside.ID}).Extract()
	must(err)
	made, err := portforwarding.Create(client, floating.ID, portforwarding.CreateOpts{
		InternalPortID: built.instance.ID, InternalIPAddress: "10.0.0.11", InternalPort: 22, ExternalPort: 2222, Protocol: "tcp",
	}).Extract()
	must(err)
	same("the protocol", made.Protocol, "tcp")
	changed, err := portforwarding.Update(client, floating.ID, made.ID, portforwarding.UpdateOpts{ExternalPort: 2223}).Extract()
	must(err)
	same("the outside port", changed.ExternalPort, 2223)
	page, err := portforwarding.List(client, portforwarding.ListOpts{}, floating.ID).AllPages()
	must(err)
	list, err := portforwarding.ExtractPortForwardings(page)
	must(err)
	same("forwardings", len(list), 1)
	same("the inside port", list[0].InternalPort, 22)
	must(portforwarding.Delete(client, floating.ID, made.ID).ExtractErr())
	_, err = portforwarding.Get(client, floating.ID, made.ID).Extract()
	if _, gone := err.(gophercloud.ErrDefault404); !gone {
		panic(failure{"a deleted forwarding: " + errorText(err)})
	}
	must(floatingips.Delete(client, floating.ID).ExtractErr())
	built.remove()
}

func tagging(client *gophercloud.ServiceClient) {
	network, err := networks.Create(client, networks.CreateOpts{Name: "go-tags"}).Extract()
	must(err)
	tags, err := attributestags.ReplaceAll(client, "networks", network.ID, attributestags.ReplaceAllOpts{Tags: []string{"a", "b"}}).Extract()
	must(err)
	same("how many tags", len(tags), 2)
	must(attributestags.Add(client, "networks", network.ID, "c").ExtractErr())
	has, err := attributestags.Confirm(client, "networks", network.ID, "c").Extract()
	must(err)
	same("has c", has, true)
	must(attributestags.Delete(client, "networks", network.ID, "a").ExtractErr())
	page, err := networks.List(client, networks.ListOpts{Tags: "b,c"}).AllPages()
	must(err)
	list, err := networks.ExtractNetworks(page)
	must(err)
	same("networks with b and c", len(list), 1)
	must(attributestags.DeleteAll(client, "networks", network.ID).ExtractErr())
	must(networks.Delete(client, network.ID).ExtractErr())
}

func limits(client *gophercloud.ServiceClient) {
	network, err := networks.Create(client, networks.CreateOpts{Name: "go-limits"}).Extract()
	must(err)
	project := network.ProjectID
	before, err := quotas.Get(client, project).Extract()
	must(err)
	if before.Network == 0 || before.SecurityGroupRule == 0 {
		panic(failure{fmt.Sprintf("limits are %+v", before)})
	}
	more := before.Network + 5
	after, err := quotas.Update(client, project, quotas.UpdateOpts{Network: &more}).Extract()
	must(err)
	same("the limit", after.Network, more)
	_, err = quotas.Update(client, project, quotas.UpdateOpts{Network: &before.Network}).Extract()
	must(err)
	must(networks.Delete(client, network.ID).ExtractErr())
}

func sharing(client *gophercloud.ServiceClient) {
	network, err := networks.Create(client, networks.CreateOpts{Name: "go-shared"}).Extract()
	must(err)
	newSubnet(client, network.ID, "10.4.0.0/24", &yes)
	policy, err := rbacpolicies.Create(client, rbacpolicies.CreateOpts{
		Action: rbacpolicies.ActionAccessShared, ObjectType: "network", ObjectID: network.ID, TargetTenant: "*",
	}).Extract()
	must(err)
	seen, err := networks.Get(client, network.ID).Extract()
	must(err)
	same("shared", seen.Shared, true)
	must(rbacpolicies.Delete(client, policy.ID).ExtractErr())
	left, err := networkipavailabilities.Get(client, network.ID).Extract()
	must(err)
	same("addresses", left.TotalIPs, "253")
	must(networks.Delete(client, network.ID).ExtractErr())
}
