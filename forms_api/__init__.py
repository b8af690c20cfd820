"""The writing side: takes sign-ups, answers look-ups, serves the finished site beside them. `app.create_app` is its door."""
