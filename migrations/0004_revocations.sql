-- What instances may remember of a key, a user, a client, a grant or a token, and have to forget. Noted by triggers, in the very
-- transaction of the change: nobody can revoke without saying so, neither an older version of the gateway nor an operator by
-- hand. Every instance reads on from where it was; rows that all have read are swept away.
CREATE TABLE revocations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  subject text COLLATE "C" NOT NULL,
  -- The transaction of the change. Its id, and not the row's, tells what a reader has seen: transactions do not end in the order
  -- in which they began, so a row may appear behind one with a higher number.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT revocations_kind CHECK (kind IN ('key', 'user', 'client', 'grant', 'token'))
);

CREATE INDEX revocations_by_xid ON revocations (xid);

-- For a table with the column `id`; the trigger's argument is the kind.
CREATE FUNCTION note_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revocations (kind, subject) VALUES (TG_ARGV[0], OLD.id);
  RETURN NULL;
END
$$;

-- All that decides on a request; not `last_used_at`, which every request writes.
CREATE TRIGGER api_keys_changed
  AFTER DELETE OR UPDATE OF user_id, hash, name, tier, limits, models, allowed_ips, expires_at, revoked_at ON api_keys
  FOR EACH ROW EXECUTE FUNCTION note_revocation('key');

CREATE TRIGGER users_changed AFTER DELETE OR UPDATE OF tier, deleted_at ON users
  FOR EACH ROW EXECUTE FUNCTION note_revocation('user');
