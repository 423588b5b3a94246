package socket

import "testing"

// Requests, sizes, offsets and attributes are those of linux/sock_diag.h, linux/inet_diag.h and
// linux/tcp.h.
func TestNumbersOfTheKernel(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"byFamily", uint64(byFamily), 20},
		{"destroy", uint64(destroy), 21},
		{"sizeofID", uint64(sizeofID), 48},
		{"sizeofRequest", uint64(sizeofRequest), 56},
		{"sizeofMessage", uint64(sizeofMessage), 72},
		{"offsetDst", uint64(offsetDst), 20},
		{"offsetInterface", uint64(offsetInterface), 36},
		{"offsetCookie", uint64(offsetCookie), 40},
		{"attrInfo", uint64(attrInfo), 2},
		{"attrCong", uint64(attrCong), 4},
		{"stateListen", uint64(stateListen), 10},
		{"noThreshold", uint64(noThreshold), 0x7fffffff},
		{"noRate", uint64(noRate), 0xffffffffffffffff},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
