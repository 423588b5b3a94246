package snapshot

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"ctop/tracker/flow"
)

// decoder decodes flows.
type decoder struct {
	// interfaces are those that the flows name, index their positions.
	interfaces []flow.Interface
	index      map[place]uint16
	// processes has each process once.
	processes map[flow.Process]*flow.Process
	// translations are the other halves of flows.
	translations []flow.Tuple
	// in and dir are the members of the flow that is being decoded.
	in, dir, host []byte
	ttl           time.Duration
	err           error
}

// place is an interface, and the host that has it in a snapshot of several.
type place struct{ host, name string }

func newDecoder() decoder {
	return decoder{index: map[place]uint16{}, processes: map[flow.Process]*flow.Process{}}
}

var (
	states     = map[string]flow.State{}
	protocols  = map[string]flow.Protocol{}
	directions = map[string]flow.Direction{}
	localEnds  = map[string]flow.Ends{}
)

func init() {
	for _, s := range flow.States() {
		states[s.String()] = s
	}
	for _, d := range []flow.Direction{flow.Origin, flow.Reply} {
		directions[d.String()] = d
	}
	for _, e := range []flow.Ends{flow.EndOrigin, flow.EndReply, flow.EndOrigin | flow.EndReply} {
		localEnds[e.String()] = e
	}
	for p := range 256 {
		protocols[flow.Protocol(p).String()] = flow.Protocol(p)
	}
}

// flow decodes one flow. Members that it does not know are left out.
func (d *decoder) flow(v *fastjson.Value, f *flow.Flow) error {
	o, err := v.Object()
	if err != nil {
		return fmt.Errorf("%w: a flow is an object", errNotOurs)
	}
	d.in, d.dir, d.host, d.ttl, d.err = nil, nil, nil, 0, nil
	o.Visit(func(key []byte, v *fastjson.Value) { d.member(f, string(key), v) })
	if d.err == nil {
		d.err = d.complete(f)
	}
	return d.err
}

// complete derives what depends on several members, and checks that the flow can be
// one.
func (d *decoder) complete(f *flow.Flow) error {
	f.Timeout, f.TimeoutName = f.Idle+d.ttl, flow.TimeoutOf(f.Tuple.Proto, f.State)
	is := place{string(d.host), string(d.in)}
	at, known := d.index[is]
	if !known {
		if len(d.interfaces) > math.MaxUint16-1 {
			return errors.New("it names too many interfaces")
		}
		at = uint16(len(d.interfaces))
		d.index[is] = at
		d.interfaces = append(d.interfaces, flow.Interface{Name: is.name, Host: is.host})
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

func (d *decoder) member(f *flow.Flow, key string, v *fastjson.Value) {
	switch key {
	case "id":
		n, err := strconv.ParseUint(string(d.text(key, v)), 16, 64)
		d.failed(key, err)
		f.ID = flow.ID(n)
	case "proto":
		f.Tuple.Proto = named(d, protocols, key, v)
	case "state":
		f.State = named(d, states, key, v)
	case "origin":
		f.Tuple.Src = d.half(&f.Origin, &f.Tuple, v)
	case "reply":
		var reply flow.Tuple // the request's type is in the origin
		f.Tuple.Dst = d.half(&f.Reply, &reply, v)
	case "in":
		d.in = d.text(key, v)
	case "dir":
		d.dir = d.text(key, v)
	case "host":
		d.host = d.text(key, v)
	case "age_s":
		f.Age = d.span(key, v)
	case "idle_s":
		f.Idle = d.span(key, v)
	case "ttl_s":
		d.ttl = d.span(key, v)
	case "closed_by":
		f.ClosedBy = d.closer(key, v)
	case "local":
		f.SetLocal(named(d, localEnds, key, v))
	case "process":
		d.process(&f.Holding, v)
	case "nat":
		d.otherHalf(f, v)
	case "one_sided":
		f.OneSided = v.GetBool()
	default:
		d.number(f, key, v)
	}
}

// process decodes the process behind a flow.
func (d *decoder) process(h *flow.Holding, v *fastjson.Value) {
	o, err := v.Object()
	if err != nil {
		d.failed("process", err)
		return
	}
	var p flow.Process
	o.Visit(func(k []byte, v *fastjson.Value) {
		switch key := string(k); key {
		case "pid":
			p.PID = uint32(d.count(key, v, math.MaxUint32))
		case "name":
			p.Name = string(d.text(key, v))
		case "user":
			p.User = string(d.text(key, v))
		case "unit":
			p.Unit = string(d.text(key, v))
		case "container":
			p.Container = string(d.text(key, v))
		case "pod":
			p.Pod = string(d.text(key, v))
		case "end":
			h.End = named(d, directions, key, v)
		}
	})
	if d.processes[p] == nil {
		d.processes[p] = &p
	}
	h.Process = d.processes[p]
}

func (d *decoder) closer(key string, v *fastjson.Value) flow.Closer {
	switch string(d.text(key, v)) {
	case flow.CloserOrigin.String():
		return flow.CloserOrigin
	case flow.CloserReply.String():
		return flow.CloserReply
	}
	d.failed(key, errors.New("no direction is called that"))
	return flow.CloserNone
}

func (d *decoder) number(f *flow.Flow, key string, v *fastjson.Value) {
	var n *uint16
	switch key {
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
		return
	}
	*n = d.small(key, v)
}

// half decodes a direction, and returns the end that sends in it.
func (d *decoder) half(h *flow.Half, t *flow.Tuple, v *fastjson.Value) flow.End {
	o, err := v.Object()
	if err != nil {
		d.failed("direction", err)
		return flow.End{}
	}
	var source netip.Addr
	var port uint64
	o.Visit(func(k []byte, v *fastjson.Value) {
		switch key := string(k); key {
		case "src":
			source = d.address(key, v)
		case "sport":
			port = d.count(key, v, math.MaxUint16)
		case "packets":
			h.Packets = d.count(key, v, math.MaxUint64)
		case "bytes":
			h.Bytes = d.count(key, v, math.MaxUint64)
		case "pps":
			h.PPS = d.float(key, v)
		case "bps":
			h.BPS = d.float(key, v)
		case "rtt_s":
			h.RTT = d.span(key, v)
		case "retransmits":
			h.Retransmits = d.small(key, v)
		case "reordered":
			h.Reordered = d.small(key, v)
		case "zero_windows":
			h.ZeroWindows = d.small(key, v)
		case "type":
			t.ICMPType = uint8(d.count(key, v, math.MaxUint8))
		case "code":
			t.ICMPCode = uint8(d.count(key, v, math.MaxUint8))
		case "icmp_id":
			t.ICMPID = d.small(key, v)
		}
	})
	return flow.EndFrom(source, uint16(port))
}

// address refuses zones of IPv6 addresses: they may be any text, and no packet has one.
func (d *decoder) address(key string, v *fastjson.Value) netip.Addr {
	a, err := netip.ParseAddr(string(d.text(key, v)))
	if err == nil && a.Zone() != "" {
		err = fmt.Errorf("%.60q has a zone", a)
	}
	d.failed(key, err)
	return a
}

func (d *decoder) failed(key string, err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("member %q: %w", key, err)
	}
}

func (d *decoder) text(key string, v *fastjson.Value) []byte {
	b, err := v.StringBytes()
	d.failed(key, err)
	return b
}

func named[T any](d *decoder, names map[string]T, key string, v *fastjson.Value) (known T) {
	name := d.text(key, v)
	known, ok := names[string(name)]
	if !ok {
		d.failed(key, fmt.Errorf("nothing is called %.40q", name))
	}
	return known
}

func (d *decoder) count(key string, v *fastjson.Value, most uint64) uint64 {
	n, err := v.Uint64()
	if err == nil && n > most {
		err = fmt.Errorf("%d is too large", n)
	}
	d.failed(key, err)
	return n
}

func (d *decoder) small(key string, v *fastjson.Value) uint16 {
	return uint16(d.count(key, v, math.MaxUint16))
}

func (d *decoder) float(key string, v *fastjson.Value) float64 {
	n, err := v.Float64()
	if err == nil && !(n >= 0 && n <= math.MaxFloat64) {
		err = fmt.Errorf("%v is no amount", n)
	}
	d.failed(key, err)
	return n
}

// longest is the longest time that makes sense, far below what a Duration can hold.
const longest = 100 * 365 * 24 * time.Hour

func (d *decoder) span(key string, v *fastjson.Value) time.Duration {
	n := d.float(key, v)
	if n > longest.Seconds() {
		d.failed(key, fmt.Errorf("%v seconds are too long", n))
		return 0
	}
	return time.Duration(math.Round(n * float64(time.Second)))
}
