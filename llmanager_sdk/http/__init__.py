"""Two short drivers that carry bytes: `sync` on urllib3, `aio` on aiohttp; `turns` is the queue."""
