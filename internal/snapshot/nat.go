package snapshot

import (
	"errors"
	"math"
	"net/netip"

	"ctop/tracker/flow"
)

// otherHalf decodes the tuple that a flow has on the other side of a translation.
func (d *decoder) otherHalf(f *flow.Flow, key []byte) {
	var src, dst netip.Addr
	var sport, dport uint16
	var t flow.Tuple
	d.members(func(key []byte) {
		switch string(key) {
		case "src":
			src = d.address(key)
		case "dst":
			dst = d.address(key)
		case "sport":
			sport = d.small()
		case "dport":
			dport = d.small()
		case "icmp_id":
			t.ICMPID = d.small()
		default:
			d.text.Skip()
		}
	})
	t.Src, t.Dst = flow.EndFrom(src, sport), flow.EndFrom(dst, dport)
	if len(d.translations) == math.MaxUint32 || !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4() {
		d.failed(key, errors.New("it needs two addresses of one family"))
		return
	}
	d.translations = append(d.translations, t)
	f.NAT = uint32(len(d.translations))
}

// translated completes the other half of a flow with what it has in common with it.
func (d *decoder) translated(f *flow.Flow) {
	if f.NAT == 0 {
		return
	}
	t := &d.translations[f.NAT-1]
	t.Proto, t.ICMPType, t.ICMPCode = f.Tuple.Proto, f.Tuple.ICMPType, f.Tuple.ICMPCode
}
