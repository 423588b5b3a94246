package bpf

// ID returns the number of the flow. No other flow of this machine has had it.
// Its low half is the tag in Control.
func (f *ConntrackFlow) ID() uint64 {
	return uint64(f.IdHigh)<<32 | f.Control>>32
}
