// Package bpf holds the tracker's BPF programs and what was generated from them.
//
// The C sources beside this file are compiled by clang and turned into Go by
// bpf2go; both results are committed, so building ctop needs Go alone. After a
// change to a source run "make generate".
package bpf

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package bpf -target bpfel -cc clang -cflags "-O2 -g -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter -fno-stack-protector -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu" -type flow_key -type flow_dir -type flow_traffic -type flow -type flow_state -type flow_flag -type direction -type event -type event_type -type event_lane -type cpu_stats -type timeout -type policy -type verdict -type invalid -type unsent -type untracked -type reason -type clock_args -type sweep_args -type request_args -type flow_request -type capture -type captured -type capture_count -type reset_args -type reset_step -type reset_result -type inherit_args -type inherit_dir -type inherit_step -type inherit_result -type trace -type packet_kind -type process -type owner -type owner_status -type holding Conntrack conntrack.c
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package bpf -target bpfel -cc clang -cflags "-O2 -g -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter -fno-stack-protector -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu" -type held_socket -type own_args Who who.c
