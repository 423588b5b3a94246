// Package kernel holds the kernel objects of a tracker: the BPF programs and
// their maps.
//
// [Objects] are loaded, pinned and opened again. A [Table] is the flow table in
// them: it is read, swept and changed by one act at a time. [Readers] register
// ring buffers and return the events in them. No other package knows the types
// that the kernel and user space share.
//
// This package knows no interface, no pin directory and no owner.
package kernel
