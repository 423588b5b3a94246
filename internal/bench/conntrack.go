package main

import (
	"fmt"
	"os/exec"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// conntrackRules make the kernel track forwarded packets.
const conntrackRules = `table ip ctop_bench {
	chain forward {
		type filter hook forward priority 0; policy accept;
		ct state established,related counter accept
		ct state new counter accept
		ct state invalid counter drop
	}
}
`

// startConntrack enables forwarding and tracking in the namespace. It excludes
// bridges, and does not verify checksums, as if hardware did.
func startConntrack() error {
	if missing := lacks("nft"); missing != "" {
		return fmt.Errorf("%s", missing)
	}
	// A kernel without the module has no such parameter, and does not need it.
	_ = sysctl("bridge/bridge-nf-call-iptables", "0")
	if err := sysctl("ipv4/ip_forward", "1"); err != nil {
		return err
	}
	if err := nft(conntrackRules); err != nil {
		return err
	}
	return sysctl("netfilter/nf_conntrack_checksum", "0")
}

// checkTracked fails unless the kernel's own table has a flow to the server.
// Rules that hide packets from it would make routing look faster than it is.
func (r *rig) checkTracked() error {
	flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	found := slices.ContainsFunc(flows, func(f *netlink.ConntrackFlow) bool {
		return f.Forward.DstIP.Equal(r.Server.Addr4().AsSlice())
	})
	if err == nil && !found {
		err = fmt.Errorf("the kernel's conntrack shows no flow to %s: it tracked nothing", r.Server.Addr4())
	}
	return err
}

// lacks names the programs that are not installed, to explain a missing row.
func lacks(programs ...string) string {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return p + " is not installed"
		}
	}
	return ""
}
