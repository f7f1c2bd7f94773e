"""An engine that serves decoders: scheduler, pages, compiled steps, and a server with OpenAI's API."""
