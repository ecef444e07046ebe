"""What amicopy says of its own codes, and of the causes that AWS's words point to."""

from collections.abc import Mapping

from amicopy.aws.causes import Cause
from amicopy.copies.core.explanation_table import LATE_STEP, NEW_REQUEST, Explanation

_ANEW = "Look at the AMI there, then clone the request and submit it anew: people approve what the AMI is now."
# Why the steps for an AMI that exists couldn't begin, by code; nothing was changed then.
OF_IMAGE: Mapping[str, Explanation] = {
    "SourceChanged": Explanation(
        "The AMI isn't what was approved",
        "It has changed since the request was submitted, so amicopy did nothing to it.",
        _ANEW,
        retry=False,
    ),
    "SourceGone": Explanation(
        "The AMI is gone",
        "It was deregistered since the request was submitted.",
        "Ask for steps for another AMI.",
        retry=False,
    ),
    "SourceUnavailable": Explanation(
        "The AMI isn't available",
        "It is disabled, or not finished; AWS takes no changes of it. amicopy did nothing to it.",
        "Enable it at AWS, then retry; the approval still counts.",
    ),
    "NotOwned": Explanation(
        "The AMI isn't the account's own",
        "Its owner alone can change an AMI, so amicopy did nothing to it.",
        "Copy it first, then ask for steps after the copy.",
        retry=False,
    ),
    "RefusedByRules": Explanation(
        "amicopy's own rules refuse the steps",
        "The rules have changed since the request was submitted, or what is stored has.",
        _ANEW,
        retry=False,
    ),
    "NotApproved": Explanation(
        "This isn't what was approved",
        "What is stored now differs from what people approved, so amicopy did nothing. Administrators were told.",
        "Ask an administrator what was changed; the audit history shows what was approved. Then ask again.",
        retry=False,
    ),
}
OF_IMAGE_UNKNOWN = Explanation(
    "AWS didn't let amicopy look at the AMI",
    "Before the first step the AMI is looked at once more, and AWS refused that; its words are below.",
    "Ask an administrator of the AWS account. Then retry; the approval still counts.",
)
# Codes that no AWS has: what amicopy found, or refused, by itself.
OURS: Mapping[str, Explanation] = {
    "ImageGone": Explanation(
        "AWS doesn't show the new AMI any more",
        "It was listed while it was being copied, and then left out of many looks over minutes. Somebody may have "
        "removed it. The source and the other destinations are not affected.",
        "Look for it at AWS; CloudTrail shows who removed it. Then retry: should it be there after all, amicopy goes "
        "on with it.",
    ),
    "ImageDeregistered": Explanation(
        "The new AMI was deregistered while it was being copied",
        "Somebody or something in the account removed it. The source and the other destinations are not affected.",
        "Find out who removed it; AWS CloudTrail shows it. Then retry.",
    ),
    "ImageFailed": Explanation(
        "AWS gave up on this copy",
        "AWS accepted the copy and ended it later, without a reason. The other destinations are not affected.",
        LATE_STEP,
    ),
    "UnclearImage": Explanation(
        "amicopy can't tell which AMI is this copy",
        "Earlier calls made an AMI that isn't what was approved, or more than one. To be sure never to make two, "
        "amicopy made none.",
        "Look at the AMIs named below, deregister those that nobody needs, then retry.",
    ),
    "SourceChanged": Explanation(
        "The source AMI isn't what was approved",
        "It has changed since the request was submitted, so amicopy did not copy it.",
        "Fix it and ask again: look at the source there.",
        retry=False,
        field="SourceImageId",
    ),
    "SourceGone": Explanation(
        "The source AMI is gone",
        "It was deregistered, or isn't shared with the account any more, since the request was submitted.",
        NEW_REQUEST,
        retry=False,
        field="SourceImageId",
    ),
    "RefusedByRules": Explanation(
        "amicopy's own rules refuse the call",
        "The rules have changed since the request was submitted, or the stored parameters have.",
        NEW_REQUEST,
        retry=False,
    ),
    "NotApproved": Explanation(
        "This isn't what was approved",
        "What is stored now differs from what people approved, so amicopy sent nothing. Administrators were told.",
        "Ask an administrator what was changed; the audit history shows what was approved. Then ask again.",
        retry=False,
    ),
    "NotADryRun": Explanation(
        "AWS answered a dry run as if it were a real call",
        "A dry run asks AWS to make nothing, and this answer wasn't that of one. An AMI may have been made.",
        "Look in the destination for an AMI of this name, and tell whoever runs amicopy.",
        retry=False,
    ),
    "NameTaken": Explanation(
        "The name is taken in this Region",
        "Another AMI of the account has it by now, or an approved copy is about to. amicopy sent nothing.",
        "Rename or deregister the other AMI and retry, or fix it and ask again with another name.",
        field="Name",
    ),
    "KeyChanged": Explanation(
        "The KMS key isn't the one that was approved",
        "The alias asked for points at another key by now, so amicopy did not copy.",
        "Ask whoever manages the key. Fix it and ask again with the key that is wanted.",
        retry=False,
        field="KmsKeyId",
    ),
}
# Names of botocore's errors: nothing was sent, so that AWS said nothing.
BOTOCORES = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "ParamValidationError"})

# Who can lift it, where AWS's words name the policy that refused.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_ORGANIZATION = (
    "Ask whoever administers the AWS organization: no administrator of the account can lift it. Then retry; the "
    "approval still counts."
)
BY_CAUSE: Mapping[Cause, Explanation] = {
    Cause.SERVICE_CONTROL_POLICY: Explanation(
        "A policy of the organization forbids this copy",
        "A service control policy of the AWS organization denies it to the whole account, whatever the role may do.",
        _ORGANIZATION,
    ),
    Cause.RESOURCE_CONTROL_POLICY: Explanation(
        "A policy of the organization forbids this copy",
        "A resource control policy of the AWS organization denies it, whatever the role may do.",
        _ORGANIZATION,
    ),
    Cause.PERMISSION_BOUNDARY: Explanation(
        "The role's permissions boundary forbids this copy",
        "What the role's policies allow counts only inside its boundary, and this isn't.",
        "Ask whoever set the boundary of amicopy's role to widen it. Then retry; the approval still counts.",
    ),
    Cause.SESSION_POLICY: Explanation(
        "The policy of amicopy's session forbids this copy",
        "The credentials were made with a policy of their own, which allows less than the role.",
        "Ask whoever gives amicopy its credentials. Then retry; the approval still counts.",
    ),
    Cause.ENDPOINT_POLICY: Explanation(
        "The policy of a VPC endpoint forbids this copy",
        "amicopy reaches AWS through an endpoint in a network whose policy doesn't let this call through.",
        "Ask whoever runs that network. Then retry; the approval still counts.",
    ),
    Cause.RESOURCE_POLICY: Explanation(
        "The policy of something that the copy uses doesn't allow it",
        "It belongs to a key or another resource, which AWS's words below name; the role's own policies can't lift it.",
        "Ask the owner of that resource to allow the role. Then retry; the approval still counts.",
    ),
    Cause.ALLOWED_AMIS: Explanation(
        "The account's Allowed AMIs setting hides the source",
        "It lists whose AMIs the account may use in the source Region, and the source's owner isn't among them.",
        "Ask an administrator of the account to add the owner to Allowed AMIs. Then retry; the approval still counts.",
        field="SourceImageId",
    ),
    Cause.SOURCE_STORAGE: Explanation(
        "The account may not read the source AMI's storage",
        "The AMI is shared with the account, but its snapshots, or its files in S3, aren't.",
        "Ask the AMI's owner to share its snapshots. Then retry; the approval still counts.",
        field="SourceImageId",
    ),
    Cause.MARKETPLACE: Explanation(
        "An AMI of AWS Marketplace can't be copied",
        "The source carries a Marketplace code of another seller.",
        "Launch an instance from it and make an image of that, or ask again with another source.",
        retry=False,
        field="SourceImageId",
    ),
    Cause.BILLING_PRODUCT: Explanation(
        "An AMI with a billing code of another account can't be copied",
        "The source carries a billing product, as Windows and other licensed systems do.",
        "Launch an instance from it and make an image of that, or ask again with another source.",
        retry=False,
        field="SourceImageId",
    ),
    Cause.ENCRYPTED_SOURCE: Explanation(
        "An encrypted source can't become unencrypted",
        "A snapshot of the source is encrypted, and a copy without encryption was asked for.",
        NEW_REQUEST,
        retry=False,
        field="Encrypted",
    ),
    Cause.QUOTA: Explanation(
        "A quota of the account is used up",
        "The account has as many of something in this Region as it may have; AWS's words below say of what.",
        "Remove what nobody needs, or ask AWS for a higher quota. Then retry.",
    ),
}
