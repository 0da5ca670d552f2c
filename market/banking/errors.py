from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError, InvalidInput


class UnreadableStatement(InvalidInput):
    """The file is no bank statement that may be imported; nothing of it has been. ``errors`` says why and where."""

    code = "unreadable_statement"
    title = _("The bank statement cannot be imported")


def refusal(reason: str) -> UnreadableStatement:
    """Why a statement is refused, said beside the field where its file was chosen."""
    return UnreadableStatement(reason, errors={"/file": reason})


class NothingToPay(BusinessError):
    """No payout of this run waits for a payment file."""

    code = "nothing_to_pay"
    status = 409
    title = _("No payout of this run waits for a payment file")


class NoBankAccount(BusinessError):
    """Nobody has said which account at the bank is the exchange's."""

    code = "no_bank_account"
    status = 409
    title = _("The exchange's bank account is not set")


class NoProvider(BusinessError):
    """No online payment provider of that name is configured."""

    code = "no_payment_provider"
    status = 404
    title = _("Online payment is not offered here")


class ProviderUnavailable(BusinessError):
    """The payment provider did not answer, or refused; the payment has been recorded and can be asked for again."""

    code = "payment_provider_unavailable"
    status = 503
    title = _("The payment provider cannot be reached")


class NotGenuine(BusinessError):
    """The notification was not sent to us by the provider, or not lately."""

    code = "notification_not_genuine"
    status = 400
    title = _("The notification is not genuine")
