def test_passwords_are_hashed():
    pass
