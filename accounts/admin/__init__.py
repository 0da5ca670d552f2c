from accounts.admin import bank_accounts, organizations, people

__all__ = ["bank_accounts", "organizations", "people"]
