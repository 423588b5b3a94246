package judge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// kernelSide is a router, the namespace in which the test runs, between two
// hosts. Its conntrack judges every packet, and a rule writes the verdict into
// the packet's DSCP, to be read from the forwarded frame.
type kernelSide struct {
	hosts [2]end
	ct    *ctnetlink
	rules []*netlink.Rule
	loose bool
	// timeout is how long to wait for a packet.
	timeout time.Duration
	// seen is the number of packets that conntrack has judged, by family and
	// verdict.
	seen [2][len(verdicts)]int
	// kept means that the last packet was not forwarded.
	kept bool

	buf   []byte
	frame []byte
}

// end is a packet socket at one host, with the router's hardware address there.
type end struct {
	fd     int
	router net.HardwareAddr
}

// The addresses of frames for the hosts. The hosts do not own them, so their
// own stacks ignore the frames.
var hostMAC = [2]net.HardwareAddr{{2, 0, 0, 0, 0, 0xa}, {2, 0, 0, 0, 0, 0xb}}

// mtu makes the kernel forward every frame of a usual capture.
const mtu = 9000

// openKernel creates the router. It skips the test if the kernel cannot judge.
func openKernel(t testing.TB) *kernelSide {
	t.Helper()
	lab.Require(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("privileged: no nft to ask the kernel's conntrack with")
	}
	none := []netip.Prefix{}
	l, err := lab.New(t.Context(), lab.Options{
		MTU:    mtu,
		Client: lab.HostOptions{Addrs: none}, Server: lab.HostOptions{Addrs: none},
	})
	if err != nil {
		t.Fatal(err)
	}
	k := &kernelSide{timeout: 5 * time.Second, buf: make([]byte, 1<<16), frame: make([]byte, 0, 1<<14)}
	t.Cleanup(func() {
		if err := errors.Join(k.close(), l.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := k.open(l); err != nil {
		if errors.Is(err, errNoConntrack) {
			t.Skipf("privileged: %v", err)
		}
		t.Fatalf("make router: %v", err)
	}
	return k
}

var errNoConntrack = errors.New("this kernel has no nf_conntrack")

func (k *kernelSide) open(l *lab.Lab) (err error) {
	if _, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_tcp_loose"); err != nil {
		return fmt.Errorf("%w: %w", errNoConntrack, err)
	}
	for i, h := range []*lab.Host{l.Client, l.Server} {
		k.hosts[i].fd = -1
		if err := k.hosts[i].open(h); err != nil {
			return err
		}
		if err := route(h.Port(), 101+i, hostMAC[i]); err != nil {
			return err
		}
	}
	if err := k.cross(l.Client.Port(), l.Server.Port()); err != nil {
		return err
	}
	if err := writeSysctls(); err != nil {
		return err
	}
	if err := nft(ruleset(families[0]) + ruleset(families[1])); err != nil {
		return err
	}
	if k.ct, err = openCtnetlink(); err != nil {
		return err
	}
	return k.ct.flush() // of what an earlier router left
}

func (k *kernelSide) close() error {
	var errs []error
	for _, h := range k.hosts {
		if h.fd > 0 {
			errs = append(errs, unix.Close(h.fd))
		}
	}
	if k.ct != nil {
		errs = append(errs, k.ct.close())
	}
	for _, rule := range k.rules {
		errs = append(errs, netlink.RuleDel(rule))
	}
	return errors.Join(append(errs, nft("flush ruleset"))...)
}

func (e *end) open(h *lab.Host) error {
	port, err := net.InterfaceByName(h.Port())
	if err != nil {
		return err
	}
	e.router = port.HardwareAddr
	return h.Do(func() error {
		link, err := netlink.LinkByName(h.Link())
		if err != nil {
			return err
		}
		e.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(e.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300_000}); err != nil {
			return err
		}
		all := networkOrder(unix.ETH_P_ALL)
		return unix.Bind(e.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index})
	})
}

// The router's networks towards the hosts, and the hosts' own addresses there.
var (
	routerNets = map[int][2]string{101: {"198.18.0.1/30", "2001:db8:ffff:a::1/64"}, 102: {"198.18.0.5/30", "2001:db8:ffff:b::1/64"}}
	gateways   = map[int][2]string{101: {"198.18.0.2", "2001:db8:ffff:a::2"}, 102: {"198.18.0.6", "2001:db8:ffff:b::2"}}
)

// route makes table send every packet out of the port, to the given address.
func route(port string, table int, mac net.HardwareAddr) error {
	link, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	for family := range 2 {
		addr, err := netlink.ParseAddr(routerNets[table][family])
		if err != nil {
			return err
		}
		if family == 1 {
			addr.Flags = unix.IFA_F_NODAD
		}
		gateway := net.ParseIP(gateways[table][family])
		neighbour := netlink.Neigh{
			LinkIndex: link.Attrs().Index, IP: gateway, HardwareAddr: mac, State: netlink.NUD_PERMANENT,
		}
		err = errors.Join(netlink.AddrAdd(link, addr), netlink.NeighSet(&neighbour),
			netlink.RouteAdd(&netlink.Route{
				LinkIndex: link.Attrs().Index, Gw: gateway, Table: table,
				Dst: &net.IPNet{IP: zeroIP(gateway), Mask: net.CIDRMask(0, 8*len(zeroIP(gateway)))},
			}))
		if err != nil {
			return fmt.Errorf("route out of %s: %w", port, err)
		}
	}
	return nil
}

func zeroIP(like net.IP) net.IP {
	if like.To4() != nil {
		return net.IPv4zero.To4()
	}
	return net.IPv6zero
}

// cross forwards packets that arrive on one port to the other, whatever their
// address.
func (k *kernelSide) cross(first, second string) error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		for port, table := range map[string]int{first: 102, second: 101} {
			rule := netlink.NewRule()
			rule.Family, rule.IifName, rule.Table, rule.Priority = family, port, table, table
			if err := netlink.RuleAdd(rule); err != nil {
				return fmt.Errorf("add rule: %w", err)
			}
			k.rules = append(k.rules, rule)
		}
	}
	return nil
}

func writeSysctls() error {
	values := map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/veth1/rp_filter": "0", "ipv4/conf/veth2/rp_filter": "0",
		"ipv4/conf/all/send_redirects": "0", "ipv4/conf/all/accept_local": "1",
		"ipv4/conf/all/route_localnet": "1", "ipv4/conf/all/log_martians": "0",
		"netfilter/nf_conntrack_checksum": "1", "netfilter/nf_conntrack_tcp_be_liberal": "0",
		"netfilter/nf_conntrack_tcp_loose": "0", "netfilter/nf_conntrack_acct": "1",
	}
	for name, value := range values {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			return err
		}
	}
	// No flow expires, however busy the machine is: some would within three seconds.
	timeouts, err := filepath.Glob("/proc/sys/net/netfilter/nf_conntrack_*_timeout*")
	for _, name := range timeouts {
		if !strings.Contains(name, "frag6") {
			err = errors.Join(err, os.WriteFile(name, []byte("86400"), 0))
		}
	}
	return err
}

// verdicts are conntrack's verdicts. The DSCP of a verdict is its index.
var verdicts = [...]Verdict{Invalid, New, Established, Related, Untracked}

// families are the tables with the rules.
var families = [2]string{"ip", "ip6"}

// ruleset writes the verdict into every packet of the family, right after
// conntrack, and counts it.
func ruleset(family string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s judge {\n", family)
	for _, v := range verdicts {
		fmt.Fprintf(&b, "counter %s { }\n", v)
	}
	fmt.Fprintf(&b, "chain stamp {\ntype filter hook prerouting priority -150;\nether saddr != { %s, %s } accept\n", hostMAC[0], hostMAC[1])
	for _, v := range verdicts {
		fmt.Fprintf(&b, "ct state %s counter name %q %s dscp set %d accept\n", v, v, family, v)
	}
	b.WriteString("}\n}\n")
	return b.String()
}

// counted returns conntrack's verdict on a packet that was not forwarded, such
// as one to a group, from the counter that has increased. It returns None if
// the packet did not reach conntrack.
func (k *kernelSide) counted(family int) (grew Verdict, err error) {
	for i, v := range verdicts {
		out, err := exec.Command("nft", "list", "counter", families[family], "judge", v.String()).CombinedOutput()
		if err != nil {
			return None, fmt.Errorf("nft list counter: %w: %s", err, out)
		}
		_, after, _ := strings.Cut(string(out), "packets ")
		var n int
		if _, err := fmt.Sscan(after, &n); err != nil {
			return None, fmt.Errorf("read counter %s of %q: %w", v, out, err)
		}
		if n > k.seen[family][i] {
			grew = v
		}
		k.seen[family][i] = n
	}
	return grew, nil
}

func nft(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// policy turns conntrack's midstream pickup on or off.
func (k *kernelSide) policy(enforce bool) error {
	if k.loose == !enforce {
		return nil
	}
	k.loose = !enforce
	value := map[bool]string{true: "1", false: "0"}[k.loose]
	return os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", []byte(value), 0)
}

// checksums turns conntrack's checksum validation on or off.
func (k *kernelSide) checksums(validate bool) error {
	value := map[bool]string{true: "1", false: "0"}[validate]
	return os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_checksum", []byte(value), 0)
}

// play sends an IP packet, in fragments or whole, from the given end through
// the router and returns the verdict of its conntrack, None if there was none.
// The router reassembles fragments before it judges, and cuts the packet again.
// So the first forwarded fragment has the verdict of all.
func (k *kernelSide) play(packets [][]byte, from int) (Verdict, error) {
	for _, packet := range packets {
		if err := k.send(packet, from); err != nil {
			return None, err
		}
	}
	v, err := k.receive(packets[0], 1-from)
	if err != nil {
		return None, err
	}
	family := 0
	if packets[0][0]>>4 == 6 {
		family = 1
	}
	if k.kept = v == None; k.kept {
		return k.counted(family)
	}
	k.seen[family][slices.Index(verdicts[:], v)]++
	return v, nil
}

func (k *kernelSide) send(packet []byte, from int) error {
	k.frame = append(k.frame[:0], k.hosts[from].router...)
	k.frame = append(k.frame, hostMAC[from]...)
	ethertype := uint16(unix.ETH_P_IP)
	if packet[0]>>4 == 6 {
		ethertype = unix.ETH_P_IPV6
	}
	k.frame = binary.BigEndian.AppendUint16(k.frame, ethertype)
	k.frame = append(k.frame, packet...)
	if _, err := unix.Write(k.hosts[from].fd, k.frame); err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	return nil
}

// receive waits for the packet at the other end. The kernel usually forwards
// within the sending call, so the packet is already there. On a busy machine a
// kernel thread may forward it later.
func (k *kernelSide) receive(packet []byte, to int) (Verdict, error) {
	for deadline, late := time.Now().Add(k.timeout), false; !late; late = time.Now().After(deadline) {
		n, _, err := unix.Recvfrom(k.hosts[to].fd, k.buf, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return None, fmt.Errorf("receive frame: %w", err)
		}
		if n > 14 && string(k.buf[:6]) == string(hostMAC[to]) && samePacket(packet, k.buf[14:n]) {
			return stampOf(k.buf[14:]), nil
		}
	}
	return None, nil
}

// samePacket compares the fields that a router does not change: identification
// or flow label, and the addresses.
func samePacket(a, b []byte) bool {
	if len(b) < 20 || a[0]>>4 != b[0]>>4 {
		return false
	}
	if a[0]>>4 == 6 {
		return string(a[2:4]) == string(b[2:4]) && string(a[8:40]) == string(b[8:40])
	}
	return string(a[4:6]) == string(b[4:6]) && string(a[12:20]) == string(b[12:20])
}

func stampOf(packet []byte) Verdict {
	dscp := packet[1] >> 2
	if packet[0]>>4 == 6 {
		dscp = byte(binary.BigEndian.Uint16(packet)>>6) & 0x3f
	}
	return Verdict(dscp)
}
