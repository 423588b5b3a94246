package table

import (
	"slices"
	"testing"
)

func shown(places []place) []columnID {
	var ids []columnID
	for _, p := range places {
		ids = append(ids, p.id)
	}
	return ids
}

var (
	total, age            = named("bytes"), named("age")
	outPackets, inPackets = named("out_packets"), named("in_packets")
	outBytes, inBytes     = named("out_bytes"), named("in_bytes")
)

var (
	ipv4 = widths{proto: 4, origin: 21, reply: 21}
	ipv6 = widths{proto: 6, origin: 47, reply: 47}
)

// TestGivingWay holds the order in which columns are given up.
func TestGivingWay(t *testing.T) {
	for _, c := range []struct {
		width int
		want  []columnID
	}{
		{200, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total, age, outPackets, inPackets, outBytes, inBytes}},
		{125, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total, age}},
		{110, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total}},
		{99, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in}},
		{90, []columnID{proto, origin, arrow, reply, state, ttl, out, in}},
		{80, []columnID{proto, origin, arrow, reply, state, ttl, rate}},
		{78, []columnID{proto, origin, reply, state, ttl, rate}},
		{74, []columnID{proto, origin, reply, state, ttl}},
		{64, []columnID{proto, origin, reply, state}},
		{56, []columnID{proto, origin, reply}},
	} {
		if got := shown(arrangeColumns(c.width, ipv4, standard())); !slices.Equal(got, c.want) {
			t.Errorf("at %d: %v, want %v", c.width, got, c.want)
		}
	}
}

func TestAddressesGetWhatTheyNeedFirst(t *testing.T) {
	for width := 52; width < 250; width++ {
		for _, want := range []widths{ipv4, ipv6, {5, 12, 40}} {
			places := arrangeColumns(width, want, standard())
			for _, p := range places {
				if p.x+p.width > width {
					t.Fatalf("at %d column %d ends at %d", width, p.id, p.x+p.width)
				}
				least := map[columnID]int{origin: min(want.origin, ipv4End), reply: min(want.reply, ipv4End)}[p.id]
				if p.width < least {
					t.Fatalf("at %d column %d has %d cells of %d", width, p.id, p.width, least)
				}
			}
		}
	}
	if places := arrangeColumns(200, ipv6, standard()); places[1].width < 47 {
		t.Errorf("at 200 an IPv6 address has %d cells", places[1].width)
	}
}
