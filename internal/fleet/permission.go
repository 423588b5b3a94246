package fleet

// Permissions are the subjects on which a key may publish and which it may receive. A NATS
// server enforces them.
type Permissions struct{ Publish, Subscribe []string }

// PermissionsOf returns the permissions of a key. A host may speak for itself only, and
// hears questions, leases and acts, never what another host says. A console receives only
// answers to itself. A host of a pair, if pair is not empty, also hears the other one.
func PermissionsOf(s Space, role Role, name, pair string) Permissions {
	if role == RoleHost {
		p := Permissions{
			Publish: []string{
				s.Heartbeat(name), s.Top(name, "*"), s.Events(name, "*"), s.Sums(name, "*"), s.Answer(name, "*.*"), s.Audit(name),
			},
			Subscribe: []string{
				s.Size(), s.Watch(), s.WatchOf("*"), s.Question(name), s.Question(All), s.Act(name), s.Inbox(name) + ".>",
			},
		}
		if pair != "" {
			p.Publish = append(p.Publish, s.Pair(pair, name))
			p.Subscribe = append(p.Subscribe, s.Pair(pair, "*"))
		}
		return p
	}
	p := Permissions{
		Publish: []string{
			s.Watch(), s.WatchOf(name), s.Question("*"), "$JS.API.DIRECT.GET." + HostsStream,
		},
		Subscribe: []string{
			s.Heartbeat("*"), s.Top("*", "*"), s.Events("*", "*"), s.Sums("*", "*"), s.Answer("*", To(name, "*")), s.Inbox(name) + ".>",
		},
	}
	if role == RoleOperator {
		p.Publish = append(p.Publish, s.Act("*"), "$JS.API.DIRECT.GET."+AuditStream)
	}
	return p
}
