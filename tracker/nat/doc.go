// Package nat reads from the kernel's connection tracking how this network namespace
// translates addresses. Where connection tracking is not in use it asks nothing, since
// asking would load kernel modules.
package nat
