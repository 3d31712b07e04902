-- Who may call. Rows are never removed: what was used and billed keeps its owner. Deleting a user forgets the address and the
-- password.
CREATE TABLE users (
  id text COLLATE "C" PRIMARY KEY,
  email text,
  password_hash text,
  tier text NOT NULL,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz,
  CONSTRAINT users_known_or_deleted CHECK (email IS NOT NULL OR deleted_at IS NOT NULL)
);

CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE api_keys (
  id text COLLATE "C" PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL REFERENCES users (id),
  -- SHA-256 of the key, in hexadecimal. The key itself is nowhere.
  hash text COLLATE "C" NOT NULL,
  -- The part of the key that is shown to people, so that they can tell one from another.
  prefix text NOT NULL,
  name text NOT NULL,
  -- The key's own tier; that of its user where null.
  tier text,
  -- The key's own limits over those of the tier: rpm, rpd, tpm, tpd, concurrency.
  limits jsonb NOT NULL DEFAULT '{}',
  -- Public model names and networks (CIDR) that the key is good for; all where null.
  models text[],
  allowed_ips text[],
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  CONSTRAINT api_keys_hash CHECK (hash ~ '^[0-9a-f]{64}$')
);

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

CREATE INDEX api_keys_by_user ON api_keys (user_id, id);
