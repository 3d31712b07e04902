-- The authorization server. Whatever is a credential (client secret, code, session, registration token) is kept as its SHA-256 in
-- hexadecimal; of an access token nothing is kept but its id. Rows that say who gave what to whom are never removed.
CREATE TABLE oauth_clients (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  -- Null where the client can keep no secret.
  secret_hash text COLLATE "C",
  -- How it may authenticate: client_secret_basic, client_secret_post, none.
  auth_methods text[] NOT NULL,
  redirect_uris text[] NOT NULL,
  scopes text[] NOT NULL,
  -- Registered itself (RFC 7591): nobody has looked at what it says of itself.
  is_dynamic boolean NOT NULL,
  registered_from text,
  registration_token_hash text COLLATE "C",
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  deleted_at timestamptz,
  CONSTRAINT oauth_clients_secret CHECK ((secret_hash IS NULL) = (auth_methods = '{none}'))
);

CREATE INDEX oauth_clients_dynamic ON oauth_clients (created_at) WHERE is_dynamic AND deleted_at IS NULL;

-- Where a user is signed in with a browser.
CREATE TABLE sessions (
  id text COLLATE "C" PRIMARY KEY,
  hash text COLLATE "C" NOT NULL UNIQUE,
  user_id text COLLATE "C" NOT NULL REFERENCES users (id),
  signed_in_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz
);

CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- An authorization that waits for its user's answer on the consent page.
CREATE TABLE oauth_requests (
  id text COLLATE "C" PRIMARY KEY,
  session_id text COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  client_id text COLLATE "C" NOT NULL REFERENCES oauth_clients (id),
  redirect_uri text NOT NULL,
  state text,
  code_challenge text NOT NULL,
  scopes text[] NOT NULL,
  resources text[] NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE INDEX oauth_requests_by_session ON oauth_requests (session_id);

-- What a user has allowed a client, once for each code: what a code gave can be taken back by itself.
CREATE TABLE oauth_grants (
  id text COLLATE "C" PRIMARY KEY,
  client_id text COLLATE "C" NOT NULL REFERENCES oauth_clients (id),
  user_id text COLLATE "C" NOT NULL REFERENCES users (id),
  -- The session in which it was given; what ends it ends the grant. No reference: sessions are swept away, grants are not.
  session_id text COLLATE "C",
  scopes text[] NOT NULL,
  resources text[] NOT NULL,
  signed_in_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE INDEX oauth_grants_by_user ON oauth_grants (user_id, client_id) WHERE revoked_at IS NULL;

CREATE INDEX oauth_grants_by_client ON oauth_grants (client_id) WHERE revoked_at IS NULL;

CREATE INDEX oauth_grants_by_session ON oauth_grants (session_id) WHERE revoked_at IS NULL;

CREATE TABLE oauth_codes (
  hash text COLLATE "C" PRIMARY KEY,
  grant_id text COLLATE "C" NOT NULL REFERENCES oauth_grants (id),
  client_id text COLLATE "C" NOT NULL REFERENCES oauth_clients (id),
  -- As it was in the request, with the port of a loopback client.
  redirect_uri text NOT NULL,
  code_challenge text NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);

CREATE INDEX oauth_codes_by_expiry ON oauth_codes (expires_at);

CREATE TABLE oauth_tokens (
  id text COLLATE "C" PRIMARY KEY,
  grant_id text COLLATE "C" NOT NULL REFERENCES oauth_grants (id),
  scopes text[] NOT NULL,
  resources text[] NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE INDEX oauth_tokens_by_grant ON oauth_tokens (grant_id);

-- Attempts at a secret that failed, of an account or an address; each counts before its outcome is known.
CREATE TABLE attempts (
  subject text COLLATE "C" PRIMARY KEY,
  count integer NOT NULL,
  last_at timestamptz NOT NULL,
  blocked_until timestamptz NOT NULL
);

CREATE INDEX attempts_by_age ON attempts (last_at);
