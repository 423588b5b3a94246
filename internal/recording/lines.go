package recording

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"ctop/internal/jsontext"
	"ctop/tracker/flow"
)

// decoder decodes lines. Its lines are valid until the next one.
type decoder struct {
	text jsontext.Reader
	// odd is set if a line has what only encoding/json knows how to read.
	odd   bool
	flow  flow.Flow
	event flow.Event
}

// decode decodes a line. Heads, and lines that [Writer] does not write, are read by
// encoding/json. It takes ten times as long, and gives the same.
func (d *decoder) decode(text []byte, l *line) error {
	if *l = (line{}); d.quick(text, l) {
		return nil
	}
	*l = line{}
	return json.Unmarshal(text, l)
}

// quick decodes a line that [Writer] writes, and reports whether it is one.
func (d *decoder) quick(text []byte, l *line) bool {
	if bytes.HasPrefix(text, []byte(`{"Head"`)) {
		return false
	}
	r := &d.text
	r.Reset(text)
	d.odd = false
	r.Object()
	switch name, _ := r.Member(); string(name) {
	case "Flow":
		d.flow, l.Flow = flow.Flow{}, &d.flow
		d.members(func(name []byte) { d.flowMember(name, &d.flow) })
	case "Event":
		d.event, l.Event = flow.Event{}, &d.event
		d.members(func(name []byte) { d.eventMember(name, &d.event) })
	case "Gone":
		l.Gone = flow.ID(r.Uint(math.MaxUint64))
	default:
		return false
	}
	if _, more := r.Member(); more || d.odd {
		return false
	}
	return r.End() == nil
}

// members reads the members of an object.
func (d *decoder) members(read func(name []byte)) {
	d.text.Object()
	for name, ok := d.text.Member(); ok && !d.odd; name, ok = d.text.Member() {
		read(name)
	}
}

func (d *decoder) flowMember(name []byte, f *flow.Flow) {
	switch string(name) {
	case "ID":
		f.ID = flow.ID(d.text.Uint(math.MaxUint64))
	case "Tuple":
		d.members(func(name []byte) { d.tupleMember(name, &f.Tuple) })
	case "State":
		f.State = flow.State(d.small())
	case "Outgoing":
		f.Outgoing = d.text.Bool()
	case "In":
		f.In = d.count()
	case "Origin":
		d.members(func(name []byte) { d.halfMember(name, &f.Origin) })
	case "Reply":
		d.members(func(name []byte) { d.halfMember(name, &f.Reply) })
	case "Age":
		f.Age = d.span()
	case "Idle":
		f.Idle = d.span()
	case "Timeout":
		f.Timeout = d.span()
	case "TimeoutName":
		f.TimeoutName = flow.TimeoutName(d.small())
	case "OwnTimeout":
		f.OwnTimeout = d.text.Bool()
	case "Invalid":
		f.Invalid = d.count()
	case "Related":
		f.Related = d.count()
	case "ClosedBy":
		f.ClosedBy = flow.Closer(d.small())
	case "OneSided":
		f.OneSided = d.text.Bool()
	case "Holding":
		d.members(func(name []byte) { d.holdingMember(name, &f.Holding) })
	case "Server":
		f.Server = d.server()
	default:
		d.odd = true
	}
}

func (d *decoder) eventMember(name []byte, e *flow.Event) {
	switch string(name) {
	case "Time":
		e.Time = d.time()
	case "Type":
		e.Type = flow.EventType(d.small())
	case "ID":
		e.ID = flow.ID(d.text.Uint(math.MaxUint64))
	case "Tuple":
		d.members(func(name []byte) { d.tupleMember(name, &e.Tuple) })
	case "From":
		e.From = flow.State(d.small())
	case "To":
		e.To = flow.State(d.small())
	case "Direction":
		e.Direction = flow.Direction(d.small())
	case "Reason":
		e.Reason = flow.Reason(d.small())
	case "In":
		e.In = d.count()
	case "Interface":
		e.Interface = string(d.text.String())
	case "Outgoing":
		e.Outgoing = d.text.Bool()
	case "Inherited":
		e.Inherited = d.text.Bool()
	case "Host":
		e.Host = string(d.text.String())
	case "Origin":
		d.members(func(name []byte) { d.halfMember(name, &e.Origin) })
	case "Reply":
		d.members(func(name []byte) { d.halfMember(name, &e.Reply) })
	case "Age":
		e.Age = d.span()
	case "ClosedBy":
		e.ClosedBy = flow.Closer(d.small())
	case "Invalid":
		e.Invalid = d.count()
	case "Related":
		e.Related = d.count()
	case "Recovered":
		e.Recovered = d.text.Bool()
	case "Holding":
		d.members(func(name []byte) { d.holdingMember(name, &e.Holding) })
	case "Server":
		e.Server = d.server()
	case "Lost":
		e.Lost = d.text.Uint(math.MaxUint64)
	default:
		d.odd = true
	}
}

func (d *decoder) tupleMember(name []byte, t *flow.Tuple) {
	switch string(name) {
	case "Proto":
		t.Proto = flow.Protocol(d.small())
	case "Src":
		t.Src = d.end()
	case "Dst":
		t.Dst = d.end()
	case "ICMPType":
		t.ICMPType = d.small()
	case "ICMPCode":
		t.ICMPCode = d.small()
	case "ICMPID":
		t.ICMPID = d.count()
	case "VLAN":
		t.VLAN = d.count()
	case "VLANInner":
		t.VLANInner = d.count()
	case "VLANThird":
		t.VLANThird = d.count()
	case "Session":
		t.Session = d.count()
	case "Zone":
		t.Zone = d.count()
	default:
		d.odd = true
	}
}

func (d *decoder) halfMember(name []byte, h *flow.Half) {
	switch string(name) {
	case "Packets":
		h.Packets = d.text.Uint(math.MaxUint64)
	case "Bytes":
		h.Bytes = d.text.Uint(math.MaxUint64)
	case "PPS":
		h.PPS = d.text.Float()
	case "BPS":
		h.BPS = d.text.Float()
	case "RTT":
		h.RTT = d.span()
	case "Retransmits":
		h.Retransmits = d.count()
	case "Reordered":
		h.Reordered = d.count()
	case "ZeroWindows":
		h.ZeroWindows = d.count()
	case "WindowKnown":
		h.WindowKnown = d.text.Bool()
	case "Local":
		h.Local = d.text.Bool()
	case "Window":
		h.Window = uint32(d.text.Uint(math.MaxUint32))
	case "InFlight":
		h.InFlight = uint32(d.text.Uint(math.MaxUint32))
	default:
		d.odd = true
	}
}

func (d *decoder) holdingMember(name []byte, h *flow.Holding) {
	switch string(name) {
	case "Process":
		if h.Process == nil {
			h.Process = new(flow.Process)
		}
		d.members(func(name []byte) { d.processMember(name, h.Process) })
	case "Listens":
		h.Listens = d.text.Bool()
	case "End":
		h.End = flow.Direction(d.small())
	case "First":
		h.First = d.text.Bool()
	case "Inherited":
		h.Inherited = d.text.Bool()
	default:
		d.odd = true
	}
}

func (d *decoder) server() *flow.ServerName {
	s := new(flow.ServerName)
	d.members(func(name []byte) {
		switch string(name) {
		case "Name":
			s.Name = string(d.text.String())
		case "Source":
			s.Source = flow.NameSource(d.small())
		default:
			d.odd = true
		}
	})
	return s
}

func (d *decoder) processMember(name []byte, p *flow.Process) {
	switch string(name) {
	case "PID":
		p.PID = uint32(d.text.Uint(math.MaxUint32))
	case "Name":
		p.Name = string(d.text.String())
	case "Started":
		p.Started = d.time()
	case "UID":
		p.UID = uint32(d.text.Uint(math.MaxUint32))
	case "User":
		p.User = string(d.text.String())
	case "Unit":
		p.Unit = string(d.text.String())
	case "Container":
		p.Container = string(d.text.String())
	case "Pod":
		p.Pod = string(d.text.String())
	case "Gone":
		p.Gone = d.text.Bool()
	default:
		d.odd = true
	}
}

func (d *decoder) small() uint8        { return uint8(d.text.Uint(math.MaxUint8)) }
func (d *decoder) count() uint16       { return uint16(d.text.Uint(math.MaxUint16)) }
func (d *decoder) span() time.Duration { return time.Duration(d.text.Int()) }

func (d *decoder) end() (e flow.End) {
	if e.UnmarshalText(d.text.String()) != nil {
		d.odd = true
	}
	return e
}

func (d *decoder) time() (t time.Time) {
	if t.UnmarshalJSON(d.text.Raw()) != nil {
		d.odd = true
	}
	return t
}
