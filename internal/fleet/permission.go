package fleet

// Permissions are the subjects on which a key may publish and which it may receive. A NATS
// server enforces them.
type Permissions struct{ Publish, Subscribe []string }

// PermissionsOf returns the permissions of a key. A host may speak for itself only, and
// hears questions, leases and acts, never what another host says. A console receives only
// answers to itself.
func PermissionsOf(s Space, role Role, name string) Permissions {
	if role == RoleHost {
		return Permissions{
			Publish: []string{
				s.Heartbeat(name), s.Top(name, "*"), s.Answer(name, "*.*"), s.Audit(name),
			},
			Subscribe: []string{
				s.Size(), s.Watch(), s.Question(name), s.Question(All), s.Act(name), s.Inbox(name) + ".>",
			},
		}
	}
	p := Permissions{
		Publish: []string{
			s.Watch(), s.Question("*"), "$JS.API.DIRECT.GET." + HostsStream,
		},
		Subscribe: []string{
			s.Heartbeat("*"), s.Top("*", "*"), s.Answer("*", To(name, "*")), s.Inbox(name) + ".>",
		},
	}
	if role == RoleOperator {
		p.Publish = append(p.Publish, s.Act("*"), "$JS.API.DIRECT.GET."+AuditStream)
	}
	return p
}
