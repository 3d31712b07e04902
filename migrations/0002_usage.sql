-- What calls were charged by. A price is never changed: another price is another row, and each call names its own.
CREATE TABLE prices (
  -- A digest of what follows, so that every instance with the same configuration names the same row.
  id text COLLATE "C" PRIMARY KEY,
  model text NOT NULL,
  currency text NOT NULL,
  -- Amounts of the currency for so many tokens.
  per bigint NOT NULL,
  input numeric NOT NULL,
  output numeric NOT NULL,
  cached_input numeric NOT NULL,
  -- The first call that was charged by it.
  since timestamptz NOT NULL
);

-- One row a call that was made to a provider. No reference to users or keys: what was used arrives, whatever became of them.
CREATE TABLE usage (
  request_id text COLLATE "C" PRIMARY KEY,
  -- The answer's own id.
  id text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  -- As the caller asked for it.
  model text COLLATE "C" NOT NULL,
  provider text COLLATE "C" NOT NULL,
  provider_model text COLLATE "C" NOT NULL,
  streamed boolean NOT NULL,
  status text COLLATE "C" NOT NULL,
  finish_reason text,
  -- Null where nobody knows: the call runs, or the process died in the middle of it.
  tokens_prompt integer,
  tokens_completion integer,
  tokens_cached integer,
  tokens_reasoning integer,
  -- True where the provider did not count and we did.
  estimated boolean NOT NULL,
  -- Millionths of the currency; null where the price or the tokens are unknown.
  cost_micros numeric(36, 0),
  currency text,
  price_id text COLLATE "C" REFERENCES prices (id),
  latency_ms integer,
  time_to_first_token_ms integer,
  attempts jsonb NOT NULL,
  CONSTRAINT usage_status CHECK (status IN ('pending', 'completed', 'cancelled', 'failed', 'interrupted')),
  CONSTRAINT usage_cost_has_a_price CHECK ((cost_micros IS NULL) = (currency IS NULL) AND (cost_micros IS NULL) = (price_id IS NULL))
);

CREATE INDEX usage_by_id ON usage (id);

CREATE INDEX usage_by_time ON usage (created_at, request_id);

CREATE INDEX usage_by_user ON usage (user_id, created_at, request_id);

CREATE INDEX usage_by_key ON usage (key_id, created_at, request_id);
