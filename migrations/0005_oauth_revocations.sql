-- Tokens that an instance remembers and has to forget: noted as those of keys are.
CREATE TRIGGER oauth_clients_changed AFTER DELETE OR UPDATE OF name, deleted_at ON oauth_clients
  FOR EACH ROW EXECUTE FUNCTION note_revocation('client');

CREATE TRIGGER oauth_grants_changed AFTER DELETE OR UPDATE OF revoked_at ON oauth_grants
  FOR EACH ROW EXECUTE FUNCTION note_revocation('grant');

CREATE TRIGGER oauth_tokens_changed AFTER DELETE OR UPDATE OF revoked_at ON oauth_tokens
  FOR EACH ROW EXECUTE FUNCTION note_revocation('token');
