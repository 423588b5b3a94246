// Package memory gets memory from the kernel at once, where a program is about to fill much
// of it.
package memory

import (
	"os"
	"unsafe"
)

// many is the size in bytes from which on it pays, and the least that a processor gets at
// once.
const many = 4 << 20

// Prepare gets the memory of a slice from the kernel, up to its capacity, in large pages
// where the kernel has such. Otherwise each page of it costs an interrupt when it is first
// used, and two if the garbage collector looks at it before that. It changes no element,
// and does nothing for a small slice. Where the kernel refuses, pages come one by one.
func Prepare[T any](s []T) {
	size := uintptr(cap(s)) * unsafe.Sizeof(*new(T))
	if size < many {
		return
	}
	start := unsafe.Pointer(unsafe.SliceData(s))
	// Only whole pages of the slice are asked for.
	page := uintptr(os.Getpagesize())
	ahead := -uintptr(start) & (page - 1)
	populate(unsafe.Slice((*byte)(unsafe.Add(start, ahead)), (size-ahead)&^(page-1)))
}

// Scratch returns an empty slice with room for n elements, which must not contain pointers,
// and the function that gives its memory back. Large ones are no garbage then, which would
// stay until the next collection. What grows beyond the room is as any other slice.
func Scratch[T any](n int) (s []T, free func()) {
	size := uintptr(n) * unsafe.Sizeof(*new(T))
	if size < many {
		return make([]T, 0, n), func() {}
	}
	b, free := mapped(size)
	if b == nil {
		s = make([]T, 0, n)
		Prepare(s)
		return s, func() {}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)[:0], free
}
