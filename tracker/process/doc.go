// Package process turns what the programs wrote down about a process into what people
// call it: its user, and from its control group the unit, container and pod. It asks
// nobody but the kernel: /proc, the control groups and the list of users.
package process
