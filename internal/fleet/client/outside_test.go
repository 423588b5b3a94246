package client_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"ctop/internal/fleet"
	"ctop/internal/fleet/hub"
	"ctop/tracker/flow"
)

// cluster is three servers of NATS itself, as processes, with the keys of a fleet.
type cluster struct {
	*world
	servers []*exec.Cmd
	admin   nkeys.KeyPair
}

// newCluster builds the server from its module, in the version of go.mod, and runs three.
func newCluster(t *testing.T, w *world) *cluster {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "nats-server")
	build := exec.Command("go", "build", "-o", binary, "github.com/nats-io/nats-server/v2")
	build.Env = append(os.Environ(), "GOARCH=") // for this machine, though the test may be emulated
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := &cluster{world: w}
	var err error
	if c.admin, err = nkeys.CreateUser(); err != nil {
		t.Fatal(err)
	}
	public, err := c.admin.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := w.dir.Keys()
	if err != nil {
		t.Fatal(err)
	}
	users := strings.Replace(hub.Configuration(keys), "users = [\n", "users = [\n    { nkey: "+public+" }\n", 1)
	free := freeAddresses(t, 6)
	var routes, urls []string
	for i := range 3 {
		routes = append(routes, "nats://"+free[3+i])
		urls = append(urls, "nats://"+free[i])
	}
	for i := range 3 {
		text := fmt.Sprintf("server_name: s%d\nlisten: %q\njetstream { store_dir: %q }\ncluster { name: fleet, listen: %q, routes: [%s] }\n%s",
			i, free[i], filepath.Join(dir, fmt.Sprint(i)), free[3+i], strings.Join(routes, ", "), users)
		path := filepath.Join(dir, fmt.Sprintf("%d.conf", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		server := exec.Command(binary, "-c", path)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.kill(server) })
		c.servers = append(c.servers, server)
	}
	w.url = strings.Join(urls, ",")
	c.makeStreams()
	return c
}

func (c *cluster) kill(server *exec.Cmd) {
	if server.ProcessState == nil {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
}

func freeAddresses(t *testing.T, n int) (list []string) {
	t.Helper()
	own := ownAddress()
	for range n {
		l, err := net.Listen("tcp", own+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		list = append(list, l.Addr().String())
	}
	return list
}

// makeStreams makes the streams on all three servers, once they are a cluster.
func (c *cluster) makeStreams() {
	c.t.Helper()
	public, err := c.admin.PublicKey()
	if err != nil {
		c.t.Fatal(err)
	}
	c.within(2*time.Minute, "the cluster has the streams", func() bool {
		conn, err := nats.Connect(c.url, nats.Nkey(public, c.admin.Sign))
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return false
		}
		for _, s := range hub.Streams("main") {
			s.Replicas = 3
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			_, err := js.CreateOrUpdateStream(ctx, s)
			cancel()
			if err != nil {
				return false
			}
		}
		return true
	})
}

// A cluster of NATS servers from outside serves a fleet, also after one of them was killed:
// hosts are there, with their flows, and are acted on.
func TestClusterFromOutside(t *testing.T) {
	w := &world{t: t, dir: hub.Dir(t.TempDir())}
	one, two, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleHost, "edge-2"), w.key(fleet.RoleOperator, "ann")
	c := newCluster(t, w)
	first := w.acting(one, newSource(1, 5))
	w.host(two, newSource(100, 3))
	console := w.client(ann)
	flows := func() int {
		all, err := console.Ask(context.Background(), fleet.View{})
		if err != nil || all.Trouble() != "" {
			return -1
		}
		return len(all.Flows)
	}
	hosts := func() int {
		list, _ := console.Hosts(context.Background()) // asked again
		n := 0
		for i := range list {
			if list[i].Answered {
				n++
			}
		}
		return n
	}
	for id := flow.ID(1); id <= 3; id++ {
		w.within(2*time.Minute, "two hosts answer", func() bool { return hosts() == 2 })
		w.within(2*time.Minute, "all flows", func() bool { return flows() == 8 })
		if o, err := console.Act(context.Background(), "edge-1", flow.Deletion(flow.Ref{ID: id})); err != nil || o.State != fleet.Done {
			t.Fatalf("%v: %+v", err, o)
		}
		if n := first.times(id); n != 1 {
			t.Errorf("flow %d was acted on %d times", id, n)
		}
		if id == 2 {
			c.kill(c.servers[0])
		}
	}
}
