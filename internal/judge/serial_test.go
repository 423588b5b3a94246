package judge

// Serial number arithmetic, RFC 1982.

func before(a, b uint32) bool { return int32(a-b) < 0 }

func after(a, b uint32) bool { return int32(a-b) > 0 }
