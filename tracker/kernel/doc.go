// Package kernel manages the kernel objects of a tracker: the BPF programs and
// their maps.
//
// [Objects] can be loaded, pinned and opened again. A [Table] is their flow table: it
// can be read, swept and changed by acts. [Readers] register ring buffers and return
// their events. No other package uses the types that the BPF programs and user space
// share.
//
// Package kernel does not know interfaces, pin directories or owners.
package kernel
