// Package names resolves addresses and ports to names on request. It shows
// unknown ones as numbers, and never blocks.
package names

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"strconv"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Resolver returns the name of an address.
type Resolver func(ctx context.Context, a netip.Addr) (string, error)

const (
	// Limit is the number of cached addresses. The oldest are evicted first.
	Limit = 4096
	// mostAsked is the number of concurrent look-ups.
	mostAsked = 8
	// Timeout is the time limit of one look-up.
	Timeout = 5 * time.Second
	// longest is the maximum length of a name.
	longest = 80
)

// Book is a cache of names. It belongs to one console, and only its goroutine
// uses it.
type Book struct {
	on      bool
	resolve Resolver
	known   map[netip.Addr]string
	order   []netip.Addr
	asked   map[netip.Addr]bool
	// shared is a copy of the known names, nil if it is out of date.
	shared map[netip.Addr]string
}

// New returns an empty book. Without a resolver it has only names of ports.
func New(r Resolver) *Book {
	return &Book{resolve: r, known: map[netip.Addr]string{}, asked: map[netip.Addr]bool{}}
}

// On reports whether names are shown.
func (b *Book) On() bool { return b != nil && b.on }

// Resolves reports whether addresses can be resolved.
func (b *Book) Resolves() bool { return b != nil && b.resolve != nil }

// Set turns names on or off.
func (b *Book) Set(on bool) { b.on = on }

// Wanted returns the visible addresses to look up now.
func (b *Book) Wanted(visible []netip.Addr) []netip.Addr {
	if !b.On() || b.resolve == nil {
		return nil
	}
	var wanted []netip.Addr
	for _, a := range visible {
		if _, known := b.known[a]; known || Own(a) != "" || b.asked[a] || len(b.asked) >= mostAsked {
			continue
		}
		b.asked[a] = true
		wanted = append(wanted, a)
	}
	return wanted
}

// Ask looks up a name. It blocks, and may run in another goroutine.
func (b *Book) Ask(a netip.Addr) string {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	name, err := b.resolve(ctx, a)
	if err != nil {
		return ""
	}
	return name
}

// Add stores an answer; name is empty if there is none.
func (b *Book) Add(a netip.Addr, name string) {
	delete(b.asked, a)
	if _, known := b.known[a]; known {
		return
	}
	if len(b.order) >= Limit {
		delete(b.known, b.order[0])
		b.order = append(b.order[:0:0], b.order[1:]...)
	}
	b.known[a], b.shared = tidy(name), nil
	b.order = append(b.order, a)
}

// Known returns the known names, empty for addresses without one, or nil if
// names are off. The map is not modified later.
func (b *Book) Known() map[netip.Addr]string {
	if !b.On() {
		return nil
	}
	if b.shared == nil {
		b.shared = maps.Clone(b.known)
	}
	return b.shared
}

// tidy makes a name from the network safe to show.
func tidy(name string) string {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	return format.Cut(format.Clean(name), longest)
}

// Host returns an address, or its name if known: the operator's own, or the one that was
// looked up.
func (b *Book) Host(a netip.Addr) string {
	if b.On() {
		if name := cmp.Or(Own(a), b.known[a]); name != "" {
			return name
		}
	}
	return a.String()
}

// Of returns every name of an address, each with where it comes from: the operator's own
// file and the traffic, always, and a look-up, where names are on. server is what the traffic
// has, or nil.
func (b *Book) Of(a netip.Addr, server *flow.ServerName) (list []string) {
	if name := Own(a); name != "" {
		list = append(list, name+" (file)")
	}
	if server != nil {
		list = append(list, tidy(server.Name)+" ("+server.Source.String()+")")
	}
	if b.On() && b.known[a] != "" {
		list = append(list, b.known[a]+" (ptr)")
	}
	return list
}

// ServerText returns the name that the traffic has of a server. One that may be an outer one
// is doubtful.
func ServerText(server *flow.ServerName) string {
	text := tidy(server.Name)
	if server.Source == flow.NameSNIOuter {
		text += "?"
	}
	return text
}

// Port returns a port, or its name if it has one.
func (b *Book) Port(p flow.Protocol, port uint16) string {
	if b.On() {
		if name, ok := services[port]; ok && p.HasPorts() {
			return name
		}
	}
	return strconv.Itoa(int(port))
}

// Source returns the source end of a tuple.
func (b *Book) Source(t flow.Tuple) string {
	if !b.On() {
		return format.Clean(t.Source())
	}
	if t.Proto.HasICMP() {
		return b.Host(t.Src.Addr()) + " " + flow.ICMPTypeName(t.Proto, t.ICMPType) + " #" + strconv.Itoa(int(t.ICMPID))
	}
	return b.end(t.Proto, t.Src)
}

// Destination returns the destination end of a tuple. server is what the traffic has of it,
// or nil.
func (b *Book) Destination(t flow.Tuple, server *flow.ServerName) string {
	switch {
	case !b.On():
		return format.Clean(t.Destination())
	case server != nil && Own(t.Dst.Addr()) == "":
		return b.withPort(ServerText(server), t.Proto, t.Dst)
	}
	return b.end(t.Proto, t.Dst)
}

func (b *Book) end(p flow.Protocol, e flow.End) string {
	host := b.Host(e.Addr())
	if p.HasPorts() && e.Addr().Is6() && host == e.Addr().String() {
		host = "[" + host + "]"
	}
	return b.withPort(host, p, e)
}

func (b *Book) withPort(host string, p flow.Protocol, e flow.End) string {
	if !p.HasPorts() {
		return host
	}
	return host + ":" + b.Port(p, e.Port())
}
