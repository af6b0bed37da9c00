/** Every lease lives for a second and no longer, so that a client that stands still loses it soon. */
export const shortLeases = `
  CREATE FUNCTION public.shorten() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    NEW.expires_at := least(NEW.expires_at, clock_timestamp() + interval '1 second');
    RETURN NEW;
  END $$;
  CREATE TRIGGER shorten BEFORE UPDATE ON dwh.leases FOR EACH ROW WHEN (NEW.expires_at IS NOT NULL)
    EXECUTE FUNCTION public.shorten()`
