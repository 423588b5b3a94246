// Package netdev attaches the programs of a tracker to network interfaces and looks
// after the attachments.
//
// A [Device] is an interface that is to be attached to: its mode is chosen, the guard
// looks at how the machine uses it. A [Point] describes an interface that is attached
// to, for whoever joins the tracker or cleans up after it. A [Setting] is what was
// changed on an interface, or at its peer, and is put back. [Attachments] follow
// interfaces that are renamed, vanish and come back.
//
// This package knows no pin directory but the one that it is given, and no owner but
// through [Registry].
package netdev
