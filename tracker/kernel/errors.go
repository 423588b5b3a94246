package kernel

import "errors"

// Errors for errors.Is.
var (
	// ErrPermission means that the process lacks a privilege.
	ErrPermission = errors.New("not permitted")
	// ErrUnsupported means that the kernel lacks a feature.
	ErrUnsupported = errors.New("not supported by this kernel")
	// ErrLayout means that pinned maps belong to another version.
	ErrLayout = errors.New("pinned by another version")
	// ErrForeign means that an object pinned under the name of a tracker's map
	// is not such a map.
	ErrForeign = errors.New("a foreign map")
)
