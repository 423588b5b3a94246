package output_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/snapshot"
	"ctop/tracker/flow"
)

// The document of a fleet says which of its flows are one conversation, and where packets
// of it are lost. Its flows stay as they were.
func TestConversations(t *testing.T) {
	v := sample(false)
	s := v.Snapshot
	s.Host, s.Interfaces = "fleet main", []flow.Interface{{Name: "eth0", Host: "edge-1", Uptime: time.Hour}, {Name: "eth1", Host: "edge-2", Uptime: time.Hour}}
	here, there := sampleTCP(), sampleTCP()
	there.ID, there.In, there.Tuple = 7, 1, here.Tuple.Reverse()
	here.Idle, here.Age, there.Idle, there.Age = 20*time.Second, time.Minute, 20*time.Second, time.Minute
	there.Origin, there.Reply = here.Reply, here.Origin
	there.Reply.Packets -= 5
	s.Flows = []flow.Flow{there, here, sampleUDP()}
	v.Rows = []*flow.Flow{&s.Flows[1]}
	var text bytes.Buffer
	if err := output.WriteSnapshot(&text, output.JSON, v); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Flows         []struct{ ID, Host string }
		Conversations json.RawMessage
	}
	if err := json.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var flat bytes.Buffer
	if err := json.Compact(&flat, got.Conversations); err != nil {
		t.Fatal(err)
	}
	const want = `[{"flows":[` +
		`{"id":"9f3c5a1e2b4d6f80","host":"edge-1","if":"eth0","turned":false,"origin":{"packets":60,"bytes":90000},"reply":{"packets":40,"bytes":33456}},` +
		`{"id":"0000000000000007","host":"edge-2","if":"eth1","turned":true,"origin":{"packets":55,"bytes":90000},"reply":{"packets":40,"bytes":33456}}],` +
		`"comparable":true,"lost":[{"direction":"origin","from":"edge-1","to":"edge-2","packets":5,"of":60,"bytes":0}],` +
		`"text":"5 of 60 packets of the origin (8.3 %) were lost between edge-1 and edge-2."}]`
	if flat.String() != want {
		t.Errorf("\n got %s\nwant %s", flat.String(), want)
	}
	if len(got.Flows) != 1 || got.Flows[0].Host != "edge-1" {
		t.Errorf("the flows are %+v", got.Flows)
	}
	if again, err := snapshot.Read(context.Background(), &text); err != nil || len(again.Flows) != 1 {
		t.Errorf("the document is read as %+v, %v", again, err)
	}
	v.Rows = []*flow.Flow{&s.Flows[2]}
	if list := output.Conversations(v); len(list) != 0 {
		t.Errorf("a conversation without a row is shown: %+v", list)
	}
}
