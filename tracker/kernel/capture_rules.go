package kernel

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"
)

// captureToKernel converts what a capture gets.
func captureToKernel(o CaptureOptions) kernelCapture {
	k := kernelCapture{Snap: uint32(min(max(o.Snap, 1), MaxSnap)), CostNs: uint64(time.Second) / uint64(max(o.Rate, 1))}
	// A burst is a tenth of a second, or so many packets.
	k.BurstNs = max(uint64(100*time.Millisecond), 100*k.CostNs)
	for _, rule := range o.Rules[:min(len(o.Rules), MaxRules)] {
		to := &k.Rules[k.NumRules]
		k.NumRules++
		to.Family = uint8(rule.Family)
		if rule.HasProto {
			to.Proto = uint8(rule.Proto)
		}
		for i, end := range rule.Ends {
			to.Addr[i], to.Mask[i] = netToKernel(end.Net)
			to.Low[i], to.High[i] = end.Low, end.High
			if end.Low == 0 && end.High == 0 {
				to.High[i] = math.MaxUint16
			}
		}
	}
	return k
}

// netToKernel returns a network as addresses in a key, and its mask.
func netToKernel(net netip.Prefix) (addr, mask [2]uint64) {
	if !net.IsValid() {
		return addr, mask
	}
	bits, b := net.Bits(), net.Addr().As16()
	if net.Addr().Is4() {
		bits += 96
	}
	var m [16]byte
	for i := range bits {
		m[i/8] |= 0x80 >> (i % 8)
	}
	for i := range addr {
		mask[i] = binary.NativeEndian.Uint64(m[8*i:])
		addr[i] = binary.NativeEndian.Uint64(b[8*i:]) & mask[i]
	}
	return addr, mask
}
