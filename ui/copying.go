package ui

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// copied is what the copy key did last: pressed again for the same flow it
// copies the next form.
type copied struct {
	id   flow.ID
	form int
}

// copyForms are what can be copied of a flow, in turn.
var copyForms = [...]struct {
	name string
	text func(flow.Tuple) string
}{
	{"the tuple", func(t flow.Tuple) string { return t.String() }},
	{"a ctop command", deleteCommand},
	{"a conntrack command", conntrackCommand},
	{"a tcpdump filter", tcpdumpFilter},
}

// copy puts a flow on the clipboard of the terminal that the console is seen on
// (OSC 52), which over SSH is not the host's.
func (m *Model) copy(id flow.ID, t flow.Tuple) tea.Cmd {
	if m.copied.id == id {
		m.copied.form = (m.copied.form + 1) % len(copyForms)
	} else {
		m.copied = copied{id: id}
	}
	text := format.Clean(copyForms[m.copied.form].text(t))
	next := copyForms[(m.copied.form+1)%len(copyForms)].name
	again := "   y again: " + next
	m.tell(format.Cut("copied "+text, m.width-2-format.Width(again)) + again)
	output := m.options.renderer.Output()
	return func() tea.Msg {
		output.Copy(text)
		return nil
	}
}

// deleteCommand deletes the flow. One without tags it does not tell from one of the
// same ends with tags: the command shows what it would delete, and asks.
func deleteCommand(t flow.Tuple) string { return "ctop delete " + filterText(t) }

// filterText is a filter for the flow, as a shell takes it.
func filterText(t flow.Tuple) string {
	parts := []string{"proto:" + t.Proto.String(), endText("src", "sport", t.Proto, t.Src), endText("dst", "dport", t.Proto, t.Dst)}
	if t.Proto.HasICMP() {
		parts = append(parts, fmt.Sprintf("icmp:%d '#%d'", t.ICMPType, t.ICMPID))
	}
	for _, id := range t.VLANs() {
		if id != 0 {
			parts = append(parts, fmt.Sprintf("vlan:%d", id))
		}
	}
	if t.Session != 0 {
		parts = append(parts, fmt.Sprintf("pppoe:%d", t.Session))
	}
	return strings.Join(parts, " ")
}

// endText asks for one end of a flow.
func endText(address, port string, p flow.Protocol, end netip.AddrPort) string {
	text := address + ":" + end.Addr().String()
	if p.HasPorts() {
		text += " " + port + ":" + portText(end)
	}
	return text
}

// conntrackCommand deletes the same flow from the kernel's own connection
// tracking.
func conntrackCommand(t flow.Tuple) string {
	var b strings.Builder
	b.WriteString("conntrack -D")
	if t.Src.Addr().Is6() {
		b.WriteString(" -f ipv6")
	}
	fmt.Fprintf(&b, " -p %s -s %s -d %s", t.Proto, t.Src.Addr(), t.Dst.Addr())
	switch {
	case t.Proto.HasPorts():
		fmt.Fprintf(&b, " --sport %s --dport %s", portText(t.Src), portText(t.Dst))
	case t.Proto.HasICMP():
		fmt.Fprintf(&b, " --%[1]s-type %[2]d --%[1]s-code %[3]d --%[1]s-id %[4]d", t.Proto, t.ICMPType, t.ICMPCode, t.ICMPID)
	}
	return b.String()
}

// tcpdumpFilter shows the packets of the flow, both ways.
func tcpdumpFilter(t flow.Tuple) string {
	var parts []string
	for _, id := range t.VLANs() {
		if id != 0 {
			parts = append(parts, "vlan "+strconv.Itoa(int(id)))
		}
	}
	if t.Session != 0 {
		parts = append(parts, "pppoes "+strconv.Itoa(int(t.Session)))
	}
	parts = append(parts, protocolFilter(t), "host "+t.Src.Addr().String(), "host "+t.Dst.Addr().String())
	// Of other protocols tcpdump knows no ports.
	if t.Proto == flow.ProtocolTCP || t.Proto == flow.ProtocolUDP || t.Proto == flow.ProtocolSCTP {
		parts = append(parts, "port "+portText(t.Src), "port "+portText(t.Dst))
	}
	return strings.Join(parts, " and ")
}

func protocolFilter(t flow.Tuple) string {
	switch t.Proto {
	case flow.ProtocolTCP, flow.ProtocolUDP, flow.ProtocolSCTP, flow.ProtocolICMP:
		return t.Proto.String()
	case flow.ProtocolICMPv6:
		return "icmp6"
	}
	if t.Src.Addr().Is6() {
		return fmt.Sprintf("ip6 proto %d", uint8(t.Proto))
	}
	return fmt.Sprintf("ip proto %d", uint8(t.Proto))
}

func portText(end netip.AddrPort) string { return strconv.Itoa(int(end.Port())) }
