// Package drivers tests ctop between network cards other than veth: cards emulated by qemu,
// with the drivers of a Debian kernel. Run it with "make test-drivers". The tests have the
// build tag drivers, since they need a kernel and qemu.
//
//	client                       guest                        server
//	eth0 (tap) ═══ card eth0 ─── ctop ─── card eth1 ═══ (tap) eth0
//
// Both hosts are network namespaces of the lab whose links are tap devices.
// qemu is at
// the other end of these, as for virtual machines in production, so the
// offloads of the
// hosts reach the guest's cards unchanged.
package drivers
