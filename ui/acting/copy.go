package acting

import (
	"fmt"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// copied is what was copied last, and in which form. If the copy key is pressed again for
// the same, it copies the next form.
type copied struct {
	what any
	form int
}

// copyForm is a form in which a flow can be copied.
type copyForm struct {
	name string
	text func(flow.Tuple) string
}

// Form is a form in which something can be copied.
type Form struct{ Name, Text string }

// forms are the forms in which a flow can be copied, in turn.
func (a *Acts) forms() []copyForm {
	if a.options.View == nil {
		return copyForms[:]
	}
	view := copyForm{"the view's command", func(flow.Tuple) string { return a.options.View() }}
	return append(copyForms[:len(copyForms):len(copyForms)], view)
}

var copyForms = [...]copyForm{
	{"the tuple", func(t flow.Tuple) string { return t.String() }},
	{"a ctop command", deleteCommand},
	{"a conntrack command", conntrackCommand},
	{"a tcpdump filter", tcpdumpFilter},
}

// Copy puts a flow on the clipboard. If that flow was copied last, it uses the next
// form.
func (a *Acts) Copy(id flow.ID, t flow.Tuple) tea.Cmd {
	var forms []Form
	for _, f := range a.forms() {
		forms = append(forms, Form{f.name, f.text(t)})
	}
	return a.CopyForms(id, forms)
}

// CopyForms puts something on the clipboard, in the next of its forms if it was copied
// last. what identifies it.
func (a *Acts) CopyForms(what any, forms []Form) tea.Cmd {
	if a.copied.what == what {
		a.copied.form = (a.copied.form + 1) % len(forms)
	} else {
		a.copied = copied{what: what}
	}
	text := format.Clean(forms[a.copied.form].Text)
	next := forms[(a.copied.form+1)%len(forms)].Name
	again := "   y again: " + next
	a.frame.Tell(format.Cut("copied "+text, a.frame.Width-2-format.Width(again)) + again)
	put := a.options.Copy
	return func() tea.Msg {
		put(text)
		return nil
	}
}

// deleteCommand returns a command that deletes the flow. For a flow without tags it
// also matches flows between the same ends that have tags. The command shows what it
// would delete, and asks.
func deleteCommand(t flow.Tuple) string {
	words := filterWords(t)
	for i, word := range words {
		if strings.HasPrefix(word, "#") { // a comment, for a shell
			words[i] = format.ShellQuote(word)
		}
	}
	return "ctop delete " + strings.Join(words, " ")
}

// filterWords returns a filter for the flow.
func filterWords(t flow.Tuple) []string {
	parts := []string{"proto:" + t.Proto.String(), endText("src", "sport", t.Proto, t.Src), endText("dst", "dport", t.Proto, t.Dst)}
	if t.Proto.HasICMP() {
		parts = append(parts, fmt.Sprintf("icmp:%d", t.ICMPType), fmt.Sprintf("#%d", t.ICMPID))
	}
	for _, id := range t.VLANs() {
		if id != 0 {
			parts = append(parts, fmt.Sprintf("vlan:%d", id))
		}
	}
	if t.Session != 0 {
		parts = append(parts, fmt.Sprintf("pppoe:%d", t.Session))
	}
	return parts
}

// endText returns a filter for one end of a flow.
func endText(address, port string, p flow.Protocol, end flow.End) string {
	text := address + ":" + end.Addr().String()
	if p.HasPorts() {
		text += " " + port + ":" + portText(end)
	}
	return text
}

// conntrackCommand returns a command that deletes the same flow from the kernel's own
// connection tracking.
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

// tcpdumpFilter returns a filter for the packets of the flow, in both directions.
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
	// tcpdump knows the ports of no other protocol.
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

func portText(end flow.End) string { return strconv.Itoa(int(end.Port())) }

// StopCopying makes the next copy start with the first form.
func (a *Acts) StopCopying() { a.copied = copied{} }

// Like filters for the flows to the same service as t.
func (a *Acts) Like(t flow.Tuple) tea.Cmd {
	return a.frame.Narrow("proto:" + t.Proto.String() + " " + endText("dst", "dport", t.Proto, t.Dst))
}
