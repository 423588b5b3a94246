package snapshot

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"ctop/internal/jsontext"
	"ctop/tracker/flow"
)

// decoder decodes flows.
type decoder struct {
	text jsontext.Reader
	// interfaces are those that the flows name, index their positions by host, which a
	// snapshot of several has, and by name.
	interfaces []flow.Interface
	index      map[string]map[string]uint16
	// processes has each process once.
	processes map[flow.Process]*flow.Process
	// names has each name of a server once.
	names map[flow.ServerName]*flow.ServerName
	// translations are the other halves of flows.
	translations []flow.Tuple
	// The others are members of the flow that is being decoded.
	in, dir, host, time []byte
	// headed is set if it has a schema, as a document without flows.
	headed bool
	ttl    time.Duration
	err    error
}

func newDecoder() decoder {
	return decoder{index: map[string]map[string]uint16{}, processes: map[flow.Process]*flow.Process{}, names: map[flow.ServerName]*flow.ServerName{}}
}

var (
	states     = map[string]flow.State{}
	protocols  = map[string]flow.Protocol{}
	directions = map[string]flow.Direction{}
	closers    = map[string]flow.Closer{}
	localEnds  = map[string]flow.Ends{}
	// nameSources are where names of servers may come from.
	nameSources = map[string]flow.NameSource{}
)

func init() {
	for _, s := range flow.States() {
		states[s.String()] = s
	}
	for _, d := range []flow.Direction{flow.Origin, flow.Reply} {
		directions[d.String()] = d
	}
	for _, c := range []flow.Closer{flow.CloserOrigin, flow.CloserReply} {
		closers[c.String()] = c
	}
	for _, e := range []flow.Ends{flow.EndOrigin, flow.EndReply, flow.EndOrigin | flow.EndReply} {
		localEnds[e.String()] = e
	}
	for _, s := range flow.NameSources() {
		nameSources[s.String()] = s
	}
	for p := range 256 {
		protocols[flow.Protocol(p).String()] = flow.Protocol(p)
	}
}

// flow decodes one flow. Members that it does not know are left out.
func (d *decoder) flow(text []byte, f *flow.Flow) error {
	d.in, d.dir, d.host, d.time, d.headed, d.ttl, d.err = nil, nil, nil, nil, false, 0, nil
	d.text.Reset(text)
	d.members(func(key []byte) { d.member(f, key) })
	if err := d.text.End(); d.err == nil && err != nil {
		d.err = fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	if d.err == nil {
		d.err = d.complete(f)
	}
	return d.err
}

// members reads the members of an object.
func (d *decoder) members(read func(key []byte)) {
	d.text.Object()
	for key, ok := d.text.Member(); ok && d.err == nil; key, ok = d.text.Member() {
		read(key)
		d.failed(key, d.text.Err())
	}
}

// complete derives what depends on several members, and checks that the flow can be
// one.
func (d *decoder) complete(f *flow.Flow) error {
	f.Timeout, f.TimeoutName = f.Idle+d.ttl, flow.TimeoutOf(f.Tuple.Proto, f.State)
	at, known := d.index[string(d.host)][string(d.in)]
	if !known {
		var err error
		if at, err = d.add(flow.Interface{Name: string(d.in), Host: string(d.host)}); err != nil {
			return err
		}
	}
	d.translated(f)
	if f.In = at; d.dir != nil {
		f.Tuple.Zone, f.Outgoing = at+1, string(d.dir) == "out"
	}
	src, dst := f.Tuple.Src.Addr(), f.Tuple.Dst.Addr()
	if f.ID == 0 || f.State == flow.StateNone || !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4() {
		return errors.New("it needs an id, a state and two addresses of one family")
	}
	return nil
}

// add adds an interface, and returns its position.
func (d *decoder) add(i flow.Interface) (at uint16, err error) {
	if len(d.interfaces) == math.MaxUint16 {
		return 0, errors.New("it names too many interfaces")
	}
	at = uint16(len(d.interfaces))
	if d.index[i.Host] == nil {
		d.index[i.Host] = map[string]uint16{}
	}
	d.index[i.Host][i.Name] = at
	d.interfaces = append(d.interfaces, i)
	return at, nil
}

func (d *decoder) member(f *flow.Flow, key []byte) {
	switch string(key) {
	case "id":
		d.id(f, key)
	case "proto":
		f.Tuple.Proto = named(d, protocols, key)
	case "state":
		f.State = named(d, states, key)
	case "origin":
		f.Tuple.Src = d.half(&f.Origin, &f.Tuple)
	case "reply":
		var reply flow.Tuple // the request's type is in the origin
		f.Tuple.Dst = d.half(&f.Reply, &reply)
	case "in":
		d.in = d.text.String()
	case "dir":
		d.dir = d.text.String()
	case "host":
		d.host = d.text.String()
	case "time":
		d.time = d.text.String()
	case "schema":
		d.headed = true
		d.text.Skip()
	case "age_s":
		f.Age = d.span(key)
	case "idle_s":
		f.Idle = d.span(key)
	case "ttl_s":
		d.ttl = d.span(key)
	case "closed_by":
		f.ClosedBy = named(d, closers, key)
	case "local":
		f.SetLocal(named(d, localEnds, key))
	case "process":
		d.process(&f.Holding)
	case "server":
		d.server(f, key)
	case "nat":
		d.otherHalf(f, key)
	case "one_sided":
		f.OneSided = d.text.Bool()
	case "first_seen":
		f.Holding.First = d.text.Bool()
	case "inherited":
		f.Holding.Inherited = d.text.Bool()
	default:
		d.number(f, key)
	}
}

func (d *decoder) id(f *flow.Flow, key []byte) {
	n, err := strconv.ParseUint(string(d.text.String()), 16, 64)
	d.failed(key, err)
	f.ID = flow.ID(n)
}

// process decodes the process behind a flow.
func (d *decoder) process(h *flow.Holding) {
	var p flow.Process
	d.members(func(key []byte) {
		switch string(key) {
		case "pid":
			p.PID = uint32(d.text.Uint(math.MaxUint32))
		case "name":
			p.Name = string(d.text.String())
		case "user":
			p.User = string(d.text.String())
		case "unit":
			p.Unit = string(d.text.String())
		case "container":
			p.Container = string(d.text.String())
		case "pod":
			p.Pod = string(d.text.String())
		case "end":
			h.End = named(d, directions, key)
		default:
			d.text.Skip()
		}
	})
	if d.processes[p] == nil {
		d.processes[p] = &p
	}
	h.Process = d.processes[p]
}

// server decodes the name of the end that the first packet went to.
func (d *decoder) server(f *flow.Flow, key []byte) {
	var name flow.ServerName
	d.members(func(key []byte) {
		switch string(key) {
		case "name":
			name.Name = string(d.text.String())
		case "source":
			name.Source = named(d, nameSources, key)
		default:
			d.text.Skip()
		}
	})
	if name.Name == "" || name.Source == 0 {
		d.failed(key, errors.New("it needs a name and a source"))
		return
	}
	if d.names[name] == nil {
		d.names[name] = &name
	}
	f.Server = d.names[name]
}

func (d *decoder) number(f *flow.Flow, key []byte) {
	var n *uint16
	switch string(key) {
	case "vlan":
		n = &f.Tuple.VLAN
	case "vlan_inner":
		n = &f.Tuple.VLANInner
	case "vlan_third":
		n = &f.Tuple.VLANThird
	case "pppoe_session":
		n = &f.Tuple.Session
	case "invalid":
		n = &f.Invalid
	case "related":
		n = &f.Related
	default:
		d.text.Skip()
		return
	}
	*n = d.small()
}

// half decodes a direction, and returns the end that sends in it.
func (d *decoder) half(h *flow.Half, t *flow.Tuple) flow.End {
	var source netip.Addr
	var port uint16
	d.members(func(key []byte) {
		switch string(key) {
		case "src":
			source = d.address(key)
		case "sport":
			port = d.small()
		case "packets":
			h.Packets = d.text.Uint(math.MaxUint64)
		case "bytes":
			h.Bytes = d.text.Uint(math.MaxUint64)
		case "pps":
			h.PPS = d.float(key)
		case "bps":
			h.BPS = d.float(key)
		case "rtt_s":
			h.RTT = d.span(key)
		case "retransmits":
			h.Retransmits = d.small()
		case "reordered":
			h.Reordered = d.small()
		case "zero_windows":
			h.ZeroWindows = d.small()
		case "type":
			t.ICMPType = uint8(d.text.Uint(math.MaxUint8))
		case "code":
			t.ICMPCode = uint8(d.text.Uint(math.MaxUint8))
		case "icmp_id":
			t.ICMPID = d.small()
		default:
			d.text.Skip()
		}
	})
	return flow.EndFrom(source, port)
}

// address refuses zones of IPv6 addresses: they may be any text, and no packet has one.
func (d *decoder) address(key []byte) netip.Addr {
	a, err := netip.ParseAddr(string(d.text.String()))
	if err == nil && a.Zone() != "" {
		err = fmt.Errorf("%.60q has a zone", a)
	}
	d.failed(key, err)
	return a
}

func (d *decoder) failed(key []byte, err error) {
	if err == nil || d.err != nil {
		return
	}
	if d.text.Err() != nil { // nothing was read
		err = d.text.Err()
	}
	d.err = fmt.Errorf("member %.40q: %w", key, err)
}

func named[T any](d *decoder, names map[string]T, key []byte) T {
	name := d.text.String()
	known, ok := names[string(name)]
	if !ok {
		d.failed(key, fmt.Errorf("nothing is called %.40q", name))
	}
	return known
}

func (d *decoder) small() uint16 { return uint16(d.text.Uint(math.MaxUint16)) }

func (d *decoder) float(key []byte) float64 {
	n := d.text.Float()
	if n < 0 {
		d.failed(key, fmt.Errorf("%v is no amount", n))
	}
	return n
}

// longest is the longest time that makes sense, far below what a Duration can hold.
const longest = 100 * 365 * 24 * time.Hour

func (d *decoder) span(key []byte) time.Duration {
	n := d.float(key)
	if n > longest.Seconds() {
		d.failed(key, fmt.Errorf("%v seconds are too long", n))
		return 0
	}
	return time.Duration(math.Round(n * float64(time.Second)))
}
