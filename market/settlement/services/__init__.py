"""Everything that settlement does, one public function a business act."""

from market.settlement.services.fees import create_fee_schedule

__all__ = ["create_fee_schedule"]
