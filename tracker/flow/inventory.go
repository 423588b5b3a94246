package flow

import "time"

// Inventory lists what a tracker has in the kernel.
type Inventory struct {
	// Counted is set if the kernel counts how often programs run and for how long
	// (kernel.bpf_stats_enabled).
	Counted  bool      `json:"runs_counted"`
	Programs []Program `json:"programs"`
	Maps     []Map     `json:"maps"`
}

// Program is a BPF program.
type Program struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	// Runs and RunTime are zero unless the kernel counts.
	Runs    uint64        `json:"runs"`
	RunTime time.Duration `json:"run_time_ns"`
	// Translated and Compiled are sizes in bytes, Verified is the number of
	// instructions that the verifier has processed.
	Translated int    `json:"translated_bytes"`
	Compiled   uint32 `json:"compiled_bytes"`
	Verified   uint32 `json:"verified_instructions"`
}

// Map is a BPF map.
type Map struct {
	ID         uint32 `json:"id"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	KeySize    uint32 `json:"key_bytes"`
	ValueSize  uint32 `json:"value_bytes"`
	MaxEntries uint32 `json:"max_entries"`
	// Memory is what the kernel says that it takes.
	Memory uint64 `json:"memory_bytes"`
}
