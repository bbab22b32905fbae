"""The campaign language: text -> tree -> checked plan. Pure: no SQL, network, asyncio or clock."""
