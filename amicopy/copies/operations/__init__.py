"""Looking after an installation: accounts, people, doctor, the signed head, changes made past amicopy."""
