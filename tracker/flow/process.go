package flow

import "time"

// Process is the program at an end of a flow. Several flows share one, which must
// not be changed.
type Process struct {
	PID uint32
	// Name is the kernel's name of the process, of at most 15 bytes.
	Name string
	// Started is when the process began.
	Started time.Time
	UID     uint32
	// User is the name of the user, or the UID if that has none.
	User string `json:",omitempty"`
	// Unit is the systemd unit, Container the short ID or the name of the
	// container, Pod the UID of the Kubernetes pod. They are empty if there is none
	// or it is not known.
	Unit      string `json:",omitempty"`
	Container string `json:",omitempty"`
	Pod       string `json:",omitempty"`
	// Command is the command line, cut after some hundred bytes. It may hold
	// secrets: only the detail page shows it.
	Command string `json:"-"`
	// Gone is set if the process has ended.
	Gone bool `json:",omitempty"`
}

// Holding is what a process has to do with a flow.
type Holding struct {
	// Process is nil if it is not known.
	Process *Process `json:",omitempty"`
	// Listens is set if the process only listens where the flow goes to, and it is
	// not known who accepted it.
	Listens bool `json:",omitempty"`
	// End is the direction that the process sends.
	End Direction `json:",omitempty"`
	// First is set if the process, or else the local end, never had a flow like this
	// before, where that is watched.
	First bool `json:",omitempty"`
	// Inherited is set if the other tracker of a pair has the flow: none of its packets has
	// come by here, or it has moved there.
	Inherited bool `json:",omitempty"`
}

// Owner returns the process that has the flow, nil if that is not certain.
func (h *Holding) Owner() *Process {
	if h.Listens {
		return nil
	}
	return h.Process
}
