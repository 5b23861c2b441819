package server

import "sync"

// maxVisits is how many logins of one browser are remembered at once.
const maxVisits = 50

// visit is the session of a user at one client, which began with a login here. Each
// client has a name of its own for it: one name would tell two clients that they
// have the same user.
type visit struct {
	clientID string
	account  string
	sid      string
}

// visits are those that one browser knows of, so that logging out ends them all.
type visits struct {
	mu   sync.Mutex
	list []visit
}

// visit begins the session of a user at a client that wants to hear of its end, and
// returns its name. A second login goes on with the same session.
func (s *Server) visit(i *interaction, clientID string, user User) (sid string, err error) {
	if s.config.Clients[clientID].BackchannelLogoutURI == "" {
		return "", nil
	}
	known, err := s.flow.visits.put(i.browser, &visits{})
	if err != nil {
		return "", err
	}
	s.flow.visits.renew(i.browser)
	return known.begin(clientID, user.Account)
}

func (v *visits) begin(clientID, account string) (sid string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, visit := range v.list {
		if visit.clientID == clientID && visit.account == account {
			return visit.sid, nil
		}
	}
	if len(v.list) >= maxVisits {
		return "", errFull
	}
	sid = newSecret()
	v.list = append(v.list, visit{clientID, account, sid})
	return sid, nil
}

// end returns the sessions, and forgets them.
func (v *visits) end() (ended []visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ended, v.list = v.list, nil
	return ended
}
