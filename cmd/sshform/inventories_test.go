package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema/inventory"
	"github.com/sshform/sshform/schema/testenv"
)

// The example programs speak to answers of the shape that the interfaces
// document, and the inventory takes what they print.
func TestExampleInventories(t *testing.T) {
	// Where python3 is a shim, it would put folders of its own before ours.
	python, err := exec.Command(testenv.Program(t, "python3"), "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(inventoryServices(t))
	defer server.Close()
	bin := t.TempDir()
	aws := "#!/bin/sh\ntest \"$*\" = 'ec2 describe-instances --output json --filters Name=instance-state-name,Values=running Name=tag:ssh,Values=managed' || exit 64\ncat <<'END'\n" + ec2Answer + "\nEND\n"
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(aws), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("CONSUL_HTTP_ADDR", server.Listener.Addr().String())
	t.Setenv("CONSUL_HTTP_TOKEN", "consul's")
	t.Setenv("NETBOX_URL", server.URL+"/")
	t.Setenv("NETBOX_TOKEN", "netbox's")
	dir, err := filepath.Abs("../../examples/inventories")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		program []string
		want    map[string]string // address and vars by host
	}{
		{[]string{"./consul.py", "-dc", "dc1", "-filter", "Meta.managed == true"}, map[string]string{
			"worker-01": `10.4.5.31 [] {"datacenter":"dc1","managed":"true"}`,
		}},
		{[]string{"./netbox.py", "role=server"}, map[string]string{
			"db1":  `10.0.0.1 ["ssh"] {"role":"server","site":"fra1"}`,
			"old1": `2001:db8::1 [] {"role":"server","site":"fra1"}`,
			"vm1":  `10.0.0.9 [] {"role":"","site":""}`,
		}},
		{[]string{"./ec2.py", "Name=tag:ssh,Values=managed"}, map[string]string{
			"web-i-0123456789abcdef0": `172.31.0.4 [] {"Name":"web","ssh":"managed","zone":"eu-central-1a"}`,
			"i-0fedcba9876543210":     `172.31.0.5 [] {"zone":"eu-central-1b"}`,
		}},
	} {
		t.Run(test.program[0], func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), string(python), test.program...)
			cmd.Dir = dir
			cmd.Stderr = t.Output()
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			listing, diags := inventory.ReadExternal(out, inventory.Source{Kind: inventory.External, Program: test.program})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			got := map[string]string{}
			for _, h := range listing.Hosts {
				tags, _ := json.Marshal(append([]string{}, h.Tags...))
				vars, _ := json.Marshal(h.Vars)
				got[h.Name] = h.Connection.Address + " " + string(tags) + " " + string(vars)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
}

// inventoryServices answers what the programs may ask, and nothing else.
func inventoryServices(t *testing.T) http.Handler {
	answers := map[string]struct{ header, value, body string }{
		"/v1/catalog/nodes?dc=dc1&filter=Meta.managed+%3D%3D+true": {"X-Consul-Token", "consul's",
			`[{"ID":"1b662d97-8b5c-3cc2-0ac0-96f55ad423b5","Node":"worker-01","Address":"10.4.5.31","Datacenter":"dc1","TaggedAddresses":{"lan":"10.4.5.31"},"Meta":{"managed":"true"},"CreateIndex":9,"ModifyIndex":10}]`},
		"/api/dcim/devices/?role=server&status=active&limit=500&offset=0": {"Authorization", "Token netbox's",
			`{"count":3,"next":"http://elsewhere.invalid/","previous":null,"results":[{"id":1,"display":"db1","name":"db1","primary_ip":{"address":"10.0.0.1/24"},"site":{"slug":"fra1"},"role":{"slug":"server"},"tags":[{"slug":"ssh"}]},{"id":2,"display":"spare","name":"spare","primary_ip":null,"site":{"slug":"fra1"},"role":{"slug":"server"},"tags":[]}]}`},
		"/api/dcim/devices/?role=server&status=active&limit=500&offset=2": {"Authorization", "Token netbox's",
			`{"count":3,"next":null,"previous":null,"results":[{"id":3,"display":"old1","name":"old1","primary_ip":{"address":"2001:db8::1/64"},"site":{"slug":"fra1"},"device_role":{"slug":"server"},"tags":[]}]}`},
		"/api/virtualization/virtual-machines/?role=server&status=active&limit=500&offset=0": {"Authorization", "Token netbox's",
			`{"count":1,"next":null,"previous":null,"results":[{"id":1,"display":"vm1","name":"vm1","primary_ip":{"address":"10.0.0.9/32"},"site":null,"role":null}]}`},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.String()]
		if !known || r.Header.Get(answer.header) != answer.value {
			t.Errorf("got a request for %s with %v, want a known one with its token", r.URL, r.Header)
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Write([]byte(answer.body))
	})
}

// ec2Answer is what `aws ec2 describe-instances` prints, cut down.
const ec2Answer = `{"Reservations":[{"ReservationId":"r-1","Instances":[
{"InstanceId":"i-0123456789abcdef0","PrivateIpAddress":"172.31.0.4","Placement":{"AvailabilityZone":"eu-central-1a"},"State":{"Name":"running"},"Tags":[{"Key":"Name","Value":"web"},{"Key":"ssh","Value":"managed"}]},
{"InstanceId":"i-0fedcba9876543210","PrivateIpAddress":"172.31.0.5","Placement":{"AvailabilityZone":"eu-central-1b"},"State":{"Name":"running"}}]}]}`
