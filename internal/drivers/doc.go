// Package drivers tests ctop between network cards that are not veth: those that
// qemu emulates, under drivers of a Debian kernel. Run it by "make test-drivers": the
// tests have the build tag drivers, since they need a kernel and qemu.
//
//	client                       guest                        server
//	eth0 (tap) ═══ card eth0 ─── ctop ─── card eth1 ═══ (tap) eth0
//
// Both hosts are network namespaces of the lab whose links are tap devices, and
// qemu is at the other end of these, as it is for virtual machines in production.
// So the offloads of the hosts reach the guest's cards as they come.
package drivers
