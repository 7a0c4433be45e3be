// A program on gophercloud, the library that Terraform's OpenStack provider uses, against a Plumbline API: each check makes what it needs, asserts
// what it reads back, and cleans up.
//
// With OS_AUTH_URL it logs in with Identity v3 (openstack.AuthOptionsFromEnv); without it OS_ENDPOINT is the API, and nobody logs in. Prints one JSON object
// a line: the check's name and its failure, null when it held.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
)

type check struct {
	title string
	run   func(client *gophercloud.ServiceClient)
}

var checks = []check{
	{"finds the API and its extensions", discovery},
	{"does scenario A, waiting as Terraform does", scenarioA},
	{"reads agents and their times", agentsAndTimes},
	{"reads lists page by page", pages},
	{"tells what went wrong by its type", errorsByType},
	{"makes security groups and their rules", securityGroups},
	{"forwards ports of a floating IP", portForwardings},
	{"sets tags", tagging},
	{"reads and sets limits", limits},
	{"shares by RBAC and counts addresses", sharing},
}

func main() {
	client, err := connect()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot connect:", err)
		os.Exit(1)
	}
	for _, each := range checks {
		line, _ := json.Marshal(map[string]interface{}{"check": each.title, "failure": failureOf(each, client)})
		fmt.Println(string(line))
	}
}

func connect() (*gophercloud.ServiceClient, error) {
	if os.Getenv("OS_AUTH_URL") == "" {
		root := os.Getenv("OS_ENDPOINT")
		provider, err := openstack.NewClient(root)
		if err != nil {
			return nil, err
		}
		return &gophercloud.ServiceClient{
			ProviderClient: provider,
			Endpoint:       root + "/",
			ResourceBase:   root + "/v2.0/",
		}, nil
	}
	options, err := openstack.AuthOptionsFromEnv()
	if err != nil {
		return nil, err
	}
	provider, err := openstack.AuthenticatedClient(options)
	if err != nil {
		return nil, err
	}
	return openstack.NewNetworkV2(provider, gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
}

// A failed assertion; anything else that panics is a mistake of this program.
type failure struct{ text string }

func failureOf(each check, client *gophercloud.ServiceClient) (text interface{}) {
	defer func() {
		if reason := recover(); reason != nil {
			broken, ours := reason.(failure)
			if !ours {
				panic(reason)
			}
			text = broken.text
		}
	}()
	each.run(client)
	return nil
}

func must(err error) {
	if err != nil {
		panic(failure{fmt.Sprintf("%T: %v", err, err)})
	}
}

func same(what string, found, wanted interface{}) {
	if !reflect.DeepEqual(found, wanted) {
		panic(failure{fmt.Sprintf("%s is %#v, not %#v", what, found, wanted)})
	}
}

// The state of an object, as Terraform's provider asks for it: an error of type ErrDefault404 means that it is gone.
type stateOf func() (string, error)

const patience = 20 * time.Second

func waitFor(what string, state stateOf, wanted ...string) {
	var last string
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		status, err := state()
		must(err)
		for _, each := range wanted {
			if status == each {
				return
			}
		}
		last = status
	}
	panic(failure{fmt.Sprintf("%s stayed %s, not one of %v", what, last, wanted)})
}

func waitUntilGone(what string, remove func() error, state stateOf) {
	must(remove())
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if _, err := state(); err != nil {
			if _, gone := err.(gophercloud.ErrDefault404); gone {
				return
			}
			must(err)
		}
	}
	panic(failure{what + " is still there"})
}
