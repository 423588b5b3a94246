// Package fleet has what the hub, the agents and the consoles of a fleet share: subjects,
// credentials and messages.
//
// A fleet speaks NATS. Every host has subjects of its own, on which nobody else may
// publish; the server enforces that by the key of the connection ([Permissions]):
//
//	ctop.v1.FLEET.hb.HOST          heartbeat of a host, kept by the stream CTOP_HOSTS
//	ctop.v1.FLEET.size             number of hosts, from the hub
//	ctop.v1.FLEET.watch            lease of a console: filter, order, number of rows
//	ctop.v1.FLEET.top.HOST.QUERY   first rows of a host, while a lease lives
//	ctop.v1.FLEET.ev.HOST.QUERY    events of a host, while a lease lives
//	ctop.v1.FLEET.sum.HOST.QUERY   groups or the summary of a host, while a lease lives
//	ctop.v1.FLEET.q.HOST, q.all    question to a host, or to all
//	ctop.v1.FLEET.act.HOST         signed act for a host
//	ctop.v1.FLEET.r.HOST.NAME.ID   answer of a host to the console NAME
//	ctop.v1.FLEET.audit.HOST       audit of a host, kept by the stream CTOP_AUDIT
//	ctop.v1.FLEET.in.NAME.>        answers of the server itself
//
// The version in the subjects changes when a message changes so that older programs
// cannot read it. Readers ignore members that they do not know. Every decoder is bounded.
package fleet
